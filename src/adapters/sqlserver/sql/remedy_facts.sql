-- remedy_facts: rows, by Seq, with the facts that decide whether a remedy may change them.
-- @seqs JSON [{s: Seq}]; @to where a route sends them, else NULL
-- @mail_queue the queue of @consumer, whose inbox recognises a repeat; NULL: not needed
DECLARE @selected TABLE (
  Seq bigint NOT NULL PRIMARY KEY,
  GoesTo nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL,
  OrderingKey nvarchar(128) COLLATE Latin1_General_BIN2 NULL);
INSERT @selected (Seq, GoesTo, OrderingKey)
SELECT o.Seq, COALESCE(@to COLLATE Latin1_General_BIN2, o.Destination), o.OrderingKey
  FROM (SELECT DISTINCT s FROM OPENJSON(@seqs) WITH (s bigint '$.s')) AS j
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = j.s
OPTION (FORCE ORDER, LOOP JOIN);
-- Once per key, so that many rows of one key are not compared with each other.
DECLARE @of_key TABLE (
  GoesTo nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL,
  OrderingKey nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  Leased bigint NULL, Sent bigint NULL, Waiting bigint NULL,
  PRIMARY KEY (GoesTo, OrderingKey));
INSERT @of_key (GoesTo, OrderingKey, Leased, Sent, Waiting)
SELECT k.GoesTo, k.OrderingKey, MAX(CASE WHEN o.State = 1 THEN o.Seq END),
       -- Sent, or perhaps: 0 accepted, 3 unknown, 4 cut, at its last attempt or an earlier one
       MAX(CASE WHEN o.State = 2 OR o.LastOutcome IN (0, 3, 4) OR tried.Seq IS NOT NULL THEN o.Seq END),
       MAX(CASE WHEN o.State < 2 THEN o.Seq END)
  FROM (SELECT DISTINCT c.GoesTo, c.OrderingKey FROM @selected c WHERE c.OrderingKey IS NOT NULL) AS k
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_OrderingKey))
    ON o.OrderingKey = k.OrderingKey AND o.Destination = k.GoesTo
 OUTER APPLY (SELECT TOP (1) a.Seq FROM dbo.OutboxAttempts a WITH (FORCESEEK, INDEX(PK_OutboxAttempts))
               WHERE a.Seq = o.Seq AND a.Outcome IN (3, 4)) AS tried
 WHERE o.OrderingKey IS NOT NULL
 GROUP BY k.GoesTo, k.OrderingKey
OPTION (FORCE ORDER, LOOP JOIN);
SELECT o.Seq, o.Id, o.Destination, c.GoesTo, o.State, o.LastOutcome, o.LastAttemptOnUtc, o.ProcessedOnUtc,
       @now AS CurrentUtc,
       CONCAT(o.State, N'.', o.RetryCount, N'.', o.Claims, N'.', CONVERT(nvarchar(33), o.DueAt, 126), N'.',
              CONVERT(nvarchar(33), o.LastAttemptOnUtc, 126)) AS Stamp,
       (SELECT b.Id FROM dbo.OutboxMessages b WHERE b.Seq = k.Leased AND b.Seq <> o.Seq) AS LeasedOfKey,
       (SELECT b.Id FROM dbo.OutboxMessages b WHERE b.Seq = k.Sent AND b.Seq > o.Seq) AS LaterSent,
       (SELECT b.Id FROM dbo.OutboxMessages b WHERE b.Seq = k.Waiting AND b.Seq > o.Seq) AS LaterWaiting,
       (SELECT m.State FROM dbo.InboxMessages m
         WHERE m.Consumer = @consumer AND m.MessageId = o.Id AND c.GoesTo = @mail_queue) AS MailState,
       CASE WHEN EXISTS (SELECT 1 FROM dbo.OutboxMessages b
                          WHERE b.Id = o.Id AND b.Destination = c.GoesTo AND b.Seq <> o.Seq) THEN 1 ELSE 0 END AS IdThere
  FROM @selected c
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = c.Seq
  LEFT JOIN @of_key k ON k.GoesTo = c.GoesTo AND k.OrderingKey = c.OrderingKey
 ORDER BY o.Seq;
