-- report_oldest_claimable: how long the oldest due head has waited, per destination; pause and breaker do not count.
-- A row behind another of its key waits for that one, so its age is not a lag of its own.
SELECT d.Destination AS HeadOf, h.DueAt AS OldestDueAt
  FROM (SELECT DISTINCT Destination FROM dbo.OutboxMessages WITH (INDEX(IX_Outbox_Due)) WHERE State < 2 AND Destination > N'') AS d
 CROSS APPLY (SELECT TOP (1) o.DueAt
                FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Due))
               WHERE o.State < 2 AND o.Destination = d.Destination AND o.DueAt <= @now
                 AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages e
                                  WHERE e.State < 2 AND e.Destination IN (o.Destination, N'') AND e.OrderingKey = o.OrderingKey
                                    AND e.Seq < o.Seq)
               ORDER BY o.DueAt) AS h;
