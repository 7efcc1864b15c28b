-- prune_refused_bodies: deletes the content of refused mails; the tombstone stays. @days, @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
UPDATE t
   SET Body = NULL
  FROM dbo.InboxMessages t
  JOIN (SELECT TOP (@rows_max) Consumer, MessageId FROM dbo.InboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
         WHERE State = 5 AND Body IS NOT NULL AND FinishedOnUtc <= @before
         ORDER BY FinishedOnUtc) AS old ON old.Consumer = t.Consumer AND old.MessageId = t.MessageId
 WHERE t.State = 5;
SELECT @@ROWCOUNT AS Done;
