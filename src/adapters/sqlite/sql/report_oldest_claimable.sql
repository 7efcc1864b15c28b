-- report_oldest_claimable: how long the oldest due head has waited; pause and breaker do not count.
-- :destination, :now
SELECT o.DueAt AS OldestDueAt
  FROM OutboxMessages o
 WHERE o.Destination = :destination AND o.State < 2 AND o.DueAt <= :now
   -- A row behind another of its key waits for that one, so its age is not a lag of its own.
   AND NOT EXISTS (SELECT 1 FROM OutboxMessages e
                    WHERE e.ProcessedOnUtc IS NULL AND e.State < 2 AND e.Destination IN (:destination, '') AND e.OrderingKey = o.OrderingKey
                      AND e.Seq < o.Seq)
 ORDER BY o.DueAt
 LIMIT 1;
