-- prune_groups: deletes failure groups that no row and no mail is in. @days, @rows_max
-- The inner reads are dirty on purpose: a row that another transaction holds is in its group all the same.
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE FROM dbo.FailureGroups
 WHERE LastSeenUtc <= @before
   AND Fingerprint IN (SELECT TOP (@rows_max) g.Fingerprint FROM dbo.FailureGroups g WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
                        WHERE g.LastSeenUtc <= @before
                          AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages o WITH (READUNCOMMITTED, INDEX(IX_Outbox_Fingerprint))
                                           WHERE o.Fingerprint IS NOT NULL AND o.Fingerprint = g.Fingerprint)
                          AND NOT EXISTS (SELECT 1 FROM dbo.InboxMessages m WITH (READUNCOMMITTED, INDEX(IX_Inbox_Fingerprint))
                                           WHERE m.Fingerprint IS NOT NULL AND m.Fingerprint = g.Fingerprint)
                        ORDER BY g.LastSeenUtc);
SELECT @@ROWCOUNT AS Done;
