-- report_mails_in_state: mails in one state other than sent, newest first.
-- :consumer, :state, :on and :id of the mail where the page before ended, :most
SELECT ReceivedOnUtc, MessageId
  FROM InboxMessages INDEXED BY IX_Inbox_NotSent
 WHERE Consumer = :consumer AND State <> 2 AND State = :state AND (ReceivedOnUtc, MessageId) < (:on, :id)
 ORDER BY ReceivedOnUtc DESC, MessageId DESC
 LIMIT :most;
