-- report_groups: failure groups that a row or mail is in now, last seen first.
-- :consumer, :name a destination or provider, NULL for any; :on and :fingerprint of the group where the page before ended, :most
SELECT Fingerprint, Name, Class, Error, SampleId, FirstSeenUtc, LastSeenUtc,
       (SELECT count(*) FROM OutboxMessages o INDEXED BY IX_Outbox_Fingerprint
         WHERE o.Fingerprint = g.Fingerprint AND o.State < 2)
       + (SELECT count(*) FROM InboxMessages m INDEXED BY IX_Inbox_Fingerprint
           WHERE m.Fingerprint = g.Fingerprint AND m.Consumer = :consumer AND m.State <> 2 AND m.DueAt IS NOT NULL) AS Waiting,
       (SELECT count(*) FROM OutboxMessages o INDEXED BY IX_Outbox_Fingerprint
         WHERE o.Fingerprint = g.Fingerprint AND o.State = 3)
       + (SELECT count(*) FROM InboxMessages m INDEXED BY IX_Inbox_Fingerprint
           WHERE m.Fingerprint = g.Fingerprint AND m.Consumer = :consumer AND m.State <> 2 AND m.DueAt IS NULL) AS SetAside
  FROM FailureGroups g
 WHERE (LastSeenUtc, Fingerprint) < (:on, :fingerprint) AND (:name IS NULL OR Name = :name)
 ORDER BY LastSeenUtc DESC, Fingerprint DESC
 LIMIT :most;
