-- inbox_settled: a row if the mail is in this state under this token.
-- :consumer, :id, :token, :state
SELECT 1 FROM InboxMessages
 WHERE Consumer = :consumer AND MessageId = :id AND LeaseToken = :token AND State = :state;
