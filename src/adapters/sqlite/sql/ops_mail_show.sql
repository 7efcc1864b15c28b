-- ops_mail_show: one mail.
-- :consumer, :id
SELECT MessageId, State, DueAt, Attempts, Doubts, Deliveries, LastError, ReceivedOnUtc, FinishedOnUtc
  FROM InboxMessages
 WHERE Consumer = :consumer AND MessageId = :id;
