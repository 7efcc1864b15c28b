-- remedy_take_in: stores a message that an operator takes in; a known one stays as it is.
-- @consumer, @id, @body, @traceparent, @subject and @hash of the recipient, @state, @refusal why it can never be mailed
-- The key is locked even if there is no row yet, so a concurrent delivery does not insert it too.
INSERT dbo.InboxMessages (Consumer, MessageId, Body, Traceparent, Subject, RecipientHash, State, DueAt, LastError, ReceivedOnUtc, FinishedOnUtc)
SELECT @consumer, @id, @body, @traceparent, @subject, @hash, @state, CASE WHEN @state = 0 THEN @now END, @refusal, @now, CASE WHEN @state = 0 THEN NULL ELSE @now END
 WHERE NOT EXISTS (
   SELECT 1 FROM dbo.InboxMessages WITH (UPDLOCK, HOLDLOCK, FORCESEEK, INDEX(PK_InboxMessages)) WHERE Consumer = @consumer AND MessageId = @id);
DECLARE @changed int = @@ROWCOUNT;
