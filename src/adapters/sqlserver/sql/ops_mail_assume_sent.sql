-- ops_mail_assume_sent: a doubtful mail is taken as sent; its content goes, as of every sent one.
-- @consumer, @id, @state when judged
UPDATE dbo.InboxMessages
   SET State = 2, DueAt = NULL, Body = NULL, FinishedOnUtc = @now
 WHERE Consumer = @consumer AND MessageId = @id AND State = @state;
