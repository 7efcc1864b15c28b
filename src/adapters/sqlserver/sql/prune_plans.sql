-- prune_plans: deletes expired dry runs of remedies. @days (0), @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE FROM dbo.RemedyPlans
 WHERE ExpiresOnUtc <= @before
   AND Token IN (SELECT TOP (@rows_max) Token FROM dbo.RemedyPlans WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                  WHERE ExpiresOnUtc <= @before
                  ORDER BY ExpiresOnUtc);
SELECT @@ROWCOUNT AS Done;
