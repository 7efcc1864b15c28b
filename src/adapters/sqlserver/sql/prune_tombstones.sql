-- prune_tombstones: deletes tombstones. A later repeat is refused as too old. @days, @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE t
  FROM dbo.InboxMessages t
  JOIN (SELECT TOP (@rows_max) Consumer, MessageId FROM dbo.InboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
         WHERE State IN (2, 5) AND FinishedOnUtc <= @before
         ORDER BY FinishedOnUtc) AS old ON old.Consumer = t.Consumer AND old.MessageId = t.MessageId
 WHERE t.State IN (2, 5);
SELECT @@ROWCOUNT AS Done;
