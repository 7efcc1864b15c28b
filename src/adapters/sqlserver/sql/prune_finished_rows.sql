-- prune_finished_rows: deletes sent and discarded rows, never dead ones. @days, @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE FROM dbo.OutboxMessages
 WHERE State IN (2, 4)
   AND Seq IN (SELECT TOP (@rows_max) Seq FROM dbo.OutboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                WHERE State IN (2, 4) AND ProcessedOnUtc <= @before
                ORDER BY ProcessedOnUtc);
SELECT @@ROWCOUNT AS Done;
