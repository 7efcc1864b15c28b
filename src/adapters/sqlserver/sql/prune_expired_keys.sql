-- prune_expired_keys: keys whose time is over. @days, @rows_max
-- At low priority: in a deadlock it is the pruning that gives way.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE FROM dbo.IdempotencyKeys
 WHERE ExpiresOnUtc <= @before
   AND [Key] IN (SELECT TOP (@rows_max) [Key] FROM dbo.IdempotencyKeys WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                  WHERE ExpiresOnUtc <= @before
                  ORDER BY ExpiresOnUtc);
SELECT @@ROWCOUNT AS Done;
