-- prune_erasures: nothing of these clients can arrive any more. @days, @rows_max
-- At low priority: in a deadlock it is the pruning that gives way.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE FROM dbo.Erasures
 WHERE OnUtc <= @before
   AND Subject IN (SELECT TOP (@rows_max) Subject FROM dbo.Erasures WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                    WHERE OnUtc <= @before
                    ORDER BY OnUtc);
SELECT @@ROWCOUNT AS Done;
