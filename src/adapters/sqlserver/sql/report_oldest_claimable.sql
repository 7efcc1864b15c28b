-- report_oldest_claimable: how long the oldest due head has waited, per destination; pause and breaker do not count.
-- A row behind another of its key waits for that one, so its age is not a lag of its own.
SELECT o.Destination AS HeadOf, MIN(o.DueAt) AS OldestDueAt
  FROM dbo.OutboxMessages o
 WHERE o.State < 2 AND o.Destination > N'' AND o.DueAt <= @now
   AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages e
                    WHERE e.State < 2 AND e.Destination IN (o.Destination, N'') AND e.OrderingKey = o.OrderingKey
                      AND e.Seq < o.Seq)
 GROUP BY o.Destination;
