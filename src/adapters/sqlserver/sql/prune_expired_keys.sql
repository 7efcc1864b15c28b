-- prune_expired_keys: deletes expired idempotency keys. @days, @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE FROM dbo.IdempotencyKeys
 WHERE ExpiresOnUtc <= @before
   AND [Key] IN (SELECT TOP (@rows_max) [Key] FROM dbo.IdempotencyKeys WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                  WHERE ExpiresOnUtc <= @before
                  ORDER BY ExpiresOnUtc);
SELECT @@ROWCOUNT AS Done;
