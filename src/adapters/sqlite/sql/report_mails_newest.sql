-- report_mails_newest: mails newest first.
-- :consumer, :on and :id of the mail where the page before ended, :most
SELECT ReceivedOnUtc, MessageId
  FROM InboxMessages INDEXED BY IX_Inbox_Received
 WHERE Consumer = :consumer AND (ReceivedOnUtc, MessageId) < (:on, :id)
 ORDER BY ReceivedOnUtc DESC, MessageId DESC
 LIMIT :most;
