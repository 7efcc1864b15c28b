-- remedy_followers_due: rows that waited behind a discarded row become due now.
-- :seq of the discarded row, :now
UPDATE OutboxMessages
   SET DueAt = :now
  FROM (SELECT Destination, OrderingKey FROM OutboxMessages WHERE Seq = :seq) AS gone
 WHERE OutboxMessages.ProcessedOnUtc IS NULL AND OutboxMessages.State = 0
   AND OutboxMessages.Destination = gone.Destination AND OutboxMessages.OrderingKey = gone.OrderingKey
   AND OutboxMessages.Seq > :seq;
