-- prune_erasures: deletes the records of erased clients of whom nothing can arrive any more. @days, @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE FROM dbo.Erasures
 WHERE OnUtc <= @before
   AND Subject IN (SELECT TOP (@rows_max) Subject FROM dbo.Erasures WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                    WHERE OnUtc <= @before
                    ORDER BY OnUtc);
SELECT @@ROWCOUNT AS Done;
