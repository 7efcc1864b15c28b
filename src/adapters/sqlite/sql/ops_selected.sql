-- ops_selected: the selection of a remedy, with the facts that decide whether it may change a row.
-- :mail_queue the queue of :consumer, whose inbox recognises a repeat; NULL: not needed
-- :id rows of this message (:destination one of them, NULL all), or NULL: dead rows of :destination, :rows_max by Seq
WITH selected AS MATERIALIZED (
  SELECT Seq, Id, Destination, OrderingKey, State, LastOutcome, LastAttemptOnUtc, ProcessedOnUtc
    FROM OutboxMessages
   WHERE Id = :id AND (:destination IS NULL OR Destination = :destination)
   UNION ALL
  SELECT * FROM (
    SELECT Seq, Id, Destination, OrderingKey, State, LastOutcome, LastAttemptOnUtc, ProcessedOnUtc
      FROM OutboxMessages
     WHERE :id IS NULL AND State = 3 AND Destination = :destination
     ORDER BY Seq LIMIT :rows_max)
), later AS MATERIALIZED (
  -- No index has sent rows by key, since it would slow every settle; so one scan serves all selected rows.
  SELECT Destination, OrderingKey, max(Seq) FILTER (WHERE State = 2) AS Sent, max(Seq) FILTER (WHERE State < 2) AS Waiting
    FROM OutboxMessages
   WHERE Seq > (SELECT min(Seq) FROM selected)
     AND State IN (0, 1, 2)
     AND OrderingKey IN (SELECT OrderingKey FROM selected)
   GROUP BY Destination, OrderingKey
)
SELECT c.*,
       (SELECT o.Id FROM OutboxMessages o
         WHERE o.State < 2 AND o.State = 1 AND o.Destination = c.Destination AND o.OrderingKey = c.OrderingKey
           AND o.Seq <> c.Seq
         LIMIT 1) AS LeasedOfKey,
       (SELECT o.Id FROM OutboxMessages o WHERE o.Seq = later.Sent AND o.Seq > c.Seq) AS LaterSent,
       (SELECT o.Id FROM OutboxMessages o WHERE o.Seq = later.Waiting AND o.Seq > c.Seq) AS LaterWaiting,
       (SELECT m.State FROM InboxMessages m
         WHERE m.Consumer = :consumer AND m.MessageId = c.Id AND c.Destination = :mail_queue) AS MailState
  FROM selected c
  LEFT JOIN later ON later.Destination = c.Destination AND later.OrderingKey = c.OrderingKey;
