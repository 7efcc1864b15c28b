-- inbox_begin: stores a delivery, or counts a repeat; leases a new or accepted mail if its provider may be used.
-- Ends the batch that rate_limit_room began.
-- @consumer, @id, @body, @traceparent, @subject and @hash of the recipient, @token, @lease_ms, @provider name of its breaker, @per_minute, @per_hour,
-- @enqueued_on when the queue got it, as text
-- An open breaker stops the mail even when a probe is due: RetryEmail probes. For a provider without a row it is closed.
DECLARE @stopped int = CASE WHEN @room = 0 OR EXISTS (
  SELECT 1 FROM dbo.Destinations WHERE Name = @provider AND (PausedUntilUtc > @now OR OpenUntil IS NOT NULL)) THEN 1 ELSE 0 END;
-- With a rate limit, mails that wait already come first.
IF @stopped = 0 AND (@per_minute > 0 OR @per_hour > 0) AND EXISTS (
  SELECT 1 FROM dbo.InboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
   WHERE Consumer = @consumer AND DueAt IS NOT NULL AND State IN (0, 3) AND DueAt <= @now AND MessageId <> @id)
  SET @stopped = 1;
-- The key is locked even if there is no row yet, so two first deliveries do not both insert.
UPDATE m
   SET Deliveries = m.Deliveries + 1,
       State = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN 1 ELSE m.State END,
       DueAt = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN DATEADD(millisecond, @lease_ms, @now) ELSE m.DueAt END,
       LeaseToken = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN @token ELSE m.LeaseToken END,
       Attempts = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN m.Attempts + 1 ELSE m.Attempts END
  FROM dbo.InboxMessages m WITH (UPDLOCK, HOLDLOCK, FORCESEEK, INDEX(PK_InboxMessages))
 WHERE m.Consumer = @consumer AND m.MessageId = @id;
IF @@ROWCOUNT = 0
  INSERT dbo.InboxMessages (Consumer, MessageId, Body, Traceparent, Subject, RecipientHash, State, DueAt, LeaseToken, Attempts, ReceivedOnUtc,
                              EnqueuedOnUtc)
  VALUES (@consumer, @id, @body, @traceparent, @subject, @hash, CASE WHEN @stopped = 1 THEN 0 ELSE 1 END,
          CASE WHEN @stopped = 1 THEN @now ELSE DATEADD(millisecond, @lease_ms, @now) END,
          CASE WHEN @stopped = 1 THEN NULL ELSE @token END, CASE WHEN @stopped = 1 THEN 0 ELSE 1 END, @now,
          TRY_CAST(@enqueued_on AS datetime2(7)));
SELECT MessageId, State, LeaseToken, Body, Traceparent, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound, @now AS CurrentUtc
  FROM dbo.InboxMessages
 WHERE Consumer = @consumer AND MessageId = @id;
-- A repeat of this call after a lost answer finds its lease and the count for it.
IF @per_minute > 0 OR @per_hour > 0
  INSERT dbo.MailAttempts (Token, MessageId, Provider, OnUtc)
  SELECT @token, m.MessageId, @provider, m.DueAt
    FROM dbo.InboxMessages m
   WHERE m.Consumer = @consumer AND m.MessageId = @id AND m.State = 1 AND m.LeaseToken = @token
     AND NOT EXISTS (SELECT 1 FROM dbo.MailAttempts a WHERE a.Token = @token AND a.MessageId = @id);
DECLARE @some_wait int = CASE WHEN EXISTS (
  SELECT 1 FROM dbo.InboxMessages WHERE Consumer = @consumer AND MessageId = @id AND State = 0) THEN 1 ELSE 0 END;
-- Others may wait that this delivery does not know of.
DECLARE @clears int = 0;
