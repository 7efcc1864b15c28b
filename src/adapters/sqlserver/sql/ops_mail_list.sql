-- ops_mail_list: mails, newest first. @consumer, @state NULL for all that are not sent, @limit
SELECT TOP (@limit) MessageId, State, DueAt, Attempts, Doubts, Deliveries, LastError, ReceivedOnUtc, FinishedOnUtc
  FROM dbo.InboxMessages
 WHERE Consumer = @consumer AND (State = @state OR (@state IS NULL AND State <> 2))
 ORDER BY ReceivedOnUtc DESC, MessageId;
