-- ops_selected: the selection of a remedy, with the facts that decide whether it may change a row.
-- @mail_queue the queue of @consumer, whose inbox recognises a repeat; NULL: not needed
-- @id rows of this message (@destination one of them, NULL all), or NULL: dead rows of @destination, @rows_max by Seq
DECLARE @selected TABLE (Seq bigint NOT NULL PRIMARY KEY);
INSERT @selected (Seq)
SELECT o.Seq FROM dbo.OutboxMessages o
 WHERE o.Id = @id AND (@destination IS NULL OR o.Destination = @destination);
INSERT @selected (Seq)
SELECT TOP (@rows_max) o.Seq FROM dbo.OutboxMessages o
 WHERE @id IS NULL AND o.State = 3 AND o.Destination = @destination
 ORDER BY o.Seq;
-- No index has sent rows by key, since it would slow every settle; so one scan serves all selected rows.
DECLARE @later TABLE (
  Destination nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL,
  OrderingKey nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  Sent bigint NULL, Waiting bigint NULL,
  PRIMARY KEY (Destination, OrderingKey));
INSERT @later (Destination, OrderingKey, Sent, Waiting)
SELECT o.Destination, o.OrderingKey, MAX(CASE WHEN o.State = 2 THEN o.Seq END), MAX(CASE WHEN o.State < 2 THEN o.Seq END)
  FROM dbo.OutboxMessages o
 WHERE o.Seq > (SELECT MIN(c.Seq) FROM @selected c)
   AND o.State IN (0, 1, 2)
   AND o.OrderingKey IN (SELECT t.OrderingKey FROM @selected c JOIN dbo.OutboxMessages t ON t.Seq = c.Seq)
 GROUP BY o.Destination, o.OrderingKey;
SELECT o.Seq, o.Id, o.Destination, o.State, o.LastOutcome, o.LastAttemptOnUtc, o.ProcessedOnUtc, @now AS CurrentUtc,
       (SELECT TOP (1) b.Id FROM dbo.OutboxMessages b
         WHERE b.State < 2 AND b.State = 1 AND b.Destination = o.Destination AND b.OrderingKey = o.OrderingKey
           AND b.Seq <> o.Seq) AS LeasedOfKey,
       (SELECT b.Id FROM dbo.OutboxMessages b WHERE b.Seq = l.Sent AND b.Seq > o.Seq) AS LaterSent,
       (SELECT b.Id FROM dbo.OutboxMessages b WHERE b.Seq = l.Waiting AND b.Seq > o.Seq) AS LaterWaiting,
       (SELECT m.State FROM dbo.InboxMessages m
         WHERE m.Consumer = @consumer AND m.MessageId = o.Id AND o.Destination = @mail_queue) AS MailState
  FROM @selected c
  JOIN dbo.OutboxMessages o ON o.Seq = c.Seq
  LEFT JOIN @later l ON l.Destination = o.Destination AND l.OrderingKey = o.OrderingKey
 ORDER BY o.Seq;
