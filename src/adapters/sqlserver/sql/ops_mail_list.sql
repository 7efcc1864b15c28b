-- ops_mail_list: mails, newest first. @consumer, @state NULL for any, @limit
SELECT TOP (@limit) MessageId, State, DueAt, Attempts, Doubts, Deliveries, LastError, ReceivedOnUtc, FinishedOnUtc
  FROM dbo.InboxMessages
 WHERE Consumer = @consumer AND (@state IS NULL OR State = @state)
 ORDER BY ReceivedOnUtc DESC, MessageId;
