-- ops_mail_of: the mails to one recipient, newest first.
-- :consumer, :hash, :limit
SELECT MessageId, State, DueAt, Attempts, Doubts, Deliveries, LastError, ReceivedOnUtc, FinishedOnUtc
  FROM InboxMessages
 WHERE Consumer = :consumer AND RecipientHash = :hash
 ORDER BY ReceivedOnUtc DESC, MessageId
 LIMIT :limit;
