-- report_mails_of_group: mails of one failure group, newest first.
-- :consumer, :key the fingerprint, :on and :id of the mail where the page before ended, :most
SELECT ReceivedOnUtc, MessageId
  FROM InboxMessages INDEXED BY IX_Inbox_Fingerprint
 WHERE Fingerprint = :key AND Consumer = :consumer AND (ReceivedOnUtc, MessageId) < (:on, :id)
 ORDER BY ReceivedOnUtc DESC, MessageId DESC
 LIMIT :most;
