-- prune_tombstones: after this a repeat would not be recognised; it is refused as too old. @days, @rows_max
-- At low priority: in a deadlock it is the pruning that gives way.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE t
  FROM dbo.InboxMessages t
  JOIN (SELECT TOP (@rows_max) Consumer, MessageId FROM dbo.InboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
         WHERE State IN (2, 5) AND FinishedOnUtc <= @before
         ORDER BY FinishedOnUtc) AS old ON old.Consumer = t.Consumer AND old.MessageId = t.MessageId
 WHERE t.State IN (2, 5);
SELECT @@ROWCOUNT AS Done;
