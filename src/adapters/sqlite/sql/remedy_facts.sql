-- remedy_facts: rows, by Seq, with the facts that decide whether a remedy may change them.
-- :seqs JSON of numbers; :to where a route sends them, else NULL
-- :mail_queue the queue of :consumer, whose inbox recognises a repeat; NULL: not needed
WITH selected AS MATERIALIZED (
  SELECT o.Seq, o.Id, o.Destination, coalesce(:to, o.Destination) AS GoesTo, o.OrderingKey, o.State, o.LastOutcome,
         o.LastAttemptOnUtc, o.ProcessedOnUtc,
         o.State || '.' || o.RetryCount || '.' || o.Claims || '.' || o.DueAt || '.' || coalesce(o.LastAttemptOnUtc, '')
           AS Stamp
    FROM json_each(:seqs) j
   CROSS JOIN OutboxMessages o ON o.Seq = j.value
), of_key AS MATERIALIZED (
  -- Once per key, so that many rows of one key are not compared with each other.
  SELECT k.GoesTo, k.OrderingKey, max(o.Seq) FILTER (WHERE o.State = 1) AS Leased,
         max(o.Seq) FILTER (WHERE o.State < 2) AS Waiting,
         -- Sent, or perhaps: 0 accepted, 3 unknown, 4 cut, at its last attempt or an earlier one
         max(o.Seq) FILTER (
           WHERE o.State = 2 OR o.LastOutcome IN (0, 3, 4)
              OR EXISTS (SELECT 1 FROM OutboxAttempts a WHERE a.Seq = o.Seq AND a.Outcome IN (3, 4))) AS Sent
    FROM (SELECT DISTINCT GoesTo, OrderingKey FROM selected WHERE OrderingKey IS NOT NULL) k
   CROSS JOIN OutboxMessages o INDEXED BY IX_Outbox_OrderingKey
      ON o.OrderingKey = k.OrderingKey AND o.Destination = k.GoesTo
   GROUP BY k.GoesTo, k.OrderingKey
)
SELECT c.*,
       (SELECT o.Id FROM OutboxMessages o WHERE o.Seq = of_key.Leased AND o.Seq <> c.Seq) AS LeasedOfKey,
       (SELECT o.Id FROM OutboxMessages o WHERE o.Seq = of_key.Sent AND o.Seq > c.Seq) AS LaterSent,
       (SELECT o.Id FROM OutboxMessages o WHERE o.Seq = of_key.Waiting AND o.Seq > c.Seq) AS LaterWaiting,
       (SELECT m.State FROM InboxMessages m
         WHERE m.Consumer = :consumer AND m.MessageId = c.Id AND c.GoesTo = :mail_queue) AS MailState,
       EXISTS (SELECT 1 FROM OutboxMessages o WHERE o.Id = c.Id AND o.Destination = c.GoesTo AND o.Seq <> c.Seq) AS IdThere
  FROM selected c
  LEFT JOIN of_key ON of_key.GoesTo = c.GoesTo AND of_key.OrderingKey = c.OrderingKey
 ORDER BY c.Seq;
