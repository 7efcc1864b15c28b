-- remedy_mail_select: the mails that match, oldest first. The first line counts the mails that were examined.
-- :path the index, or 'ids' for :ids, JSON; :states a bit for each; :consumer, :limit
-- :fingerprint, :subject, :recipient_hash NULL for any; :examined_max
WITH found AS MATERIALIZED (
  SELECT value AS MessageId FROM json_each(:ids)
   UNION ALL
  SELECT * FROM (SELECT MessageId FROM InboxMessages INDEXED BY IX_Inbox_Fingerprint
     WHERE :path = 'fingerprint' AND Fingerprint = :fingerprint AND Consumer = :consumer
     ORDER BY ReceivedOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT MessageId FROM InboxMessages INDEXED BY IX_Inbox_Recipient
     WHERE :path = 'recipient' AND RecipientHash = :recipient_hash AND Consumer = :consumer
     ORDER BY ReceivedOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT MessageId FROM InboxMessages INDEXED BY IX_Inbox_Subject
     WHERE :path = 'client' AND Subject = :subject AND Consumer = :consumer LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT MessageId FROM InboxMessages INDEXED BY IX_Inbox_NotSent
     WHERE :path = 'state' AND (:states & 16) AND State <> 2 AND Consumer = :consumer AND State = 4
     ORDER BY ReceivedOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT MessageId FROM InboxMessages INDEXED BY IX_Inbox_NotSent
     WHERE :path = 'state' AND (:states & 32) AND State <> 2 AND Consumer = :consumer AND State = 5
     ORDER BY ReceivedOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT MessageId FROM InboxMessages INDEXED BY IX_Inbox_Received
     WHERE :path = 'time' AND Consumer = :consumer
     ORDER BY ReceivedOnUtc LIMIT :examined_max)
)
SELECT NULL AS Target, count(*) AS Examined FROM found
 UNION ALL
SELECT * FROM (
  SELECT m.MessageId, 0
    FROM found CROSS JOIN InboxMessages m ON m.Consumer = :consumer AND m.MessageId = found.MessageId
   WHERE ((1 << m.State) & :states)
     AND (:fingerprint IS NULL OR m.Fingerprint = :fingerprint)
     AND (:subject IS NULL OR m.Subject = :subject)
     AND (:recipient_hash IS NULL OR m.RecipientHash = :recipient_hash)
   ORDER BY m.ReceivedOnUtc, m.MessageId LIMIT :limit);
