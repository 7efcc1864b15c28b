-- prune_erased_mails: mails of deleted clients become tombstones without personal data: sent ones at once, refused ones
-- after their time, and so those in doubt that waited for a person. @days, @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DECLARE @erased TABLE (Consumer nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL, MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  PRIMARY KEY (Consumer, MessageId));
INSERT @erased (Consumer, MessageId)
SELECT TOP (@rows_max) m.Consumer, m.MessageId
  FROM dbo.Erasures e
  JOIN dbo.InboxMessages m WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK) ON m.Subject = e.Subject
 WHERE m.Subject IS NOT NULL
   AND (m.State = 2
        OR (m.State = 5 AND m.FinishedOnUtc <= @before)
        OR (m.State = 4 AND m.DueAt IS NULL AND e.OnUtc <= @before AND COALESCE(m.DoubtedOnUtc, m.ReceivedOnUtc) <= @before));
BEGIN TRAN;
UPDATE t
   SET Body = NULL, Subject = NULL, RecipientHash = NULL, Reference = NULL,
       -- Its failure group may quote what the provider said of the recipient: it goes once nothing else is in it.
       Fingerprint = NULL,
       LastError = CASE WHEN t.State = 2 THEN NULL ELSE N'erased: its client was deleted' END,
       -- Nobody can decide it any more: its tombstone is pruned like any other.
       FinishedOnUtc = CASE WHEN t.State = 4 THEN COALESCE(t.DoubtedOnUtc, t.ReceivedOnUtc) ELSE t.FinishedOnUtc END,
       State = CASE WHEN t.State = 4 THEN 5 ELSE t.State END
  FROM dbo.InboxMessages t
  JOIN @erased old ON old.Consumer = t.Consumer AND old.MessageId = t.MessageId
 WHERE t.State IN (2, 4, 5);
DECLARE @done int = @@ROWCOUNT;
