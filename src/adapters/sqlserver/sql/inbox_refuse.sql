-- inbox_refuse: stores a message that can never be mailed; for a known one it only counts the delivery.
-- @consumer, @id, @body, @traceparent, @subject and @hash of the recipient, @reason, @fingerprint, @enqueued_on when the queue got it, as text
BEGIN TRAN;
UPDATE m
   SET Deliveries = m.Deliveries + 1
  FROM dbo.InboxMessages m WITH (UPDLOCK, HOLDLOCK, FORCESEEK, INDEX(PK_InboxMessages))
 WHERE m.Consumer = @consumer AND m.MessageId = @id;
DECLARE @known int = @@ROWCOUNT;
IF @known = 0
BEGIN
  INSERT dbo.InboxMessages (Consumer, MessageId, Body, Traceparent, Subject, RecipientHash, State, LastError, Fingerprint, ReceivedOnUtc,
                              EnqueuedOnUtc, FinishedOnUtc)
  VALUES (@consumer, @id, @body, @traceparent, @subject, @hash, 5, @reason, @fingerprint, @now, TRY_CAST(@enqueued_on AS datetime2(7)), @now);
  INSERT @tried (Id, State, Reference, Error, Fingerprint) VALUES (@id, 5, NULL, @reason, @fingerprint);
  INSERT @counted (Bucket, SinceUtc) VALUES (-2, NULL);
END;
