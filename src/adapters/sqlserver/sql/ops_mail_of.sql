-- ops_mail_of: the mails to one recipient, newest first. @consumer, @hash, @limit
SELECT TOP (@limit) MessageId, State, DueAt, Attempts, Doubts, Deliveries, LastError, ReceivedOnUtc, FinishedOnUtc
  FROM dbo.InboxMessages
 WHERE Consumer = @consumer AND RecipientHash = @hash
 ORDER BY ReceivedOnUtc DESC, MessageId;
