-- inbox_refuse: stores a message that can never be mailed; for a known one it only counts the delivery.
-- @consumer, @id, @body, @traceparent, @subject and @hash of the recipient, @reason
BEGIN TRAN;
UPDATE m
   SET Deliveries = m.Deliveries + 1
  FROM dbo.InboxMessages m WITH (UPDLOCK, HOLDLOCK, FORCESEEK, INDEX(PK_InboxMessages))
 WHERE m.Consumer = @consumer AND m.MessageId = @id;
IF @@ROWCOUNT = 0
  INSERT dbo.InboxMessages (Consumer, MessageId, Body, Traceparent, Subject, RecipientHash, State, LastError, ReceivedOnUtc, FinishedOnUtc)
  VALUES (@consumer, @id, @body, @traceparent, @subject, @hash, 5, @reason, @now, @now);
COMMIT TRAN;
