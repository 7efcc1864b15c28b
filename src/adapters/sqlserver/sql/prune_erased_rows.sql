-- prune_erased_rows: deletes messages of deleted clients: sent and discarded ones at once, dead ones after their time.
-- Those that still wait are sent first. @days, @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DECLARE @done bigint = 0;
-- On most nights there is nothing to look for.
IF EXISTS (SELECT 1 FROM dbo.Erasures)
BEGIN
  DELETE FROM dbo.OutboxMessages
   WHERE State IN (2, 4)
     AND Seq IN (SELECT TOP (@rows_max) o.Seq FROM dbo.OutboxMessages o WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                  WHERE o.State IN (2, 4) AND o.Subject IN (SELECT e.Subject FROM dbo.Erasures e));
  SET @done = @@ROWCOUNT;
  DELETE FROM dbo.OutboxMessages
   WHERE State = 3
     AND Seq IN (SELECT TOP (@rows_max - @done) o.Seq FROM dbo.OutboxMessages o WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                  WHERE o.State = 3 AND COALESCE(o.LastAttemptOnUtc, o.OccurredOnUtc) <= @before AND o.Subject IN (SELECT e.Subject FROM dbo.Erasures e WHERE e.OnUtc <= @before));
  SET @done = @done + @@ROWCOUNT;
END;
SELECT @done AS Done;
