-- report_mails_of_client: mails to one client, newest first.
-- :consumer, :key the Subject, :on and :id of the mail where the page before ended, :most
SELECT ReceivedOnUtc, MessageId
  FROM InboxMessages INDEXED BY IX_Inbox_Subject
 WHERE Subject = :key AND Consumer = :consumer AND (ReceivedOnUtc, MessageId) < (:on, :id)
 ORDER BY ReceivedOnUtc DESC, MessageId DESC
 LIMIT :most;
