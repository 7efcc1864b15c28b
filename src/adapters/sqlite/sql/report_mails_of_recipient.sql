-- report_mails_of_recipient: mails to one address, newest first.
-- :consumer, :key the hash of the address, :on and :id of the mail where the page before ended, :most
SELECT ReceivedOnUtc, MessageId
  FROM InboxMessages INDEXED BY IX_Inbox_Recipient
 WHERE RecipientHash = :key AND Consumer = :consumer AND (ReceivedOnUtc, MessageId) < (:on, :id)
 ORDER BY ReceivedOnUtc DESC, MessageId DESC
 LIMIT :most;
