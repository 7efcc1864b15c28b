-- inbox_begin: stores a delivery, or counts a repeat; leases a new or accepted mail where its provider may be used.
-- @consumer, @id, @body, @subject and @hash whose it is, @token, @lease_ms, @provider name of its breaker
-- An open breaker stops it also when a probe is due: RetryEmail probes. A provider without a row is closed.
DECLARE @stopped int = CASE WHEN EXISTS (
  SELECT 1 FROM dbo.Destinations WHERE Name = @provider AND (PausedOnUtc IS NOT NULL OR OpenUntil IS NOT NULL)) THEN 1 ELSE 0 END;
BEGIN TRAN;
-- The key's place is locked also where there is no row yet, so two first deliveries do not both insert.
UPDATE m
   SET Deliveries = m.Deliveries + 1,
       State = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN 1 ELSE m.State END,
       DueAt = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN DATEADD(millisecond, @lease_ms, @now) ELSE m.DueAt END,
       LeaseToken = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN @token ELSE m.LeaseToken END,
       Attempts = CASE WHEN m.State = 0 AND m.DueAt <= @now AND @stopped = 0 THEN m.Attempts + 1 ELSE m.Attempts END
  FROM dbo.InboxMessages m WITH (UPDLOCK, HOLDLOCK)
 WHERE m.Consumer = @consumer AND m.MessageId = @id;
IF @@ROWCOUNT = 0
  INSERT dbo.InboxMessages (Consumer, MessageId, Body, Subject, RecipientHash, State, DueAt, LeaseToken, Attempts, ReceivedOnUtc)
  VALUES (@consumer, @id, @body, @subject, @hash, CASE WHEN @stopped = 1 THEN 0 ELSE 1 END,
          CASE WHEN @stopped = 1 THEN @now ELSE DATEADD(millisecond, @lease_ms, @now) END,
          CASE WHEN @stopped = 1 THEN NULL ELSE @token END, CASE WHEN @stopped = 1 THEN 0 ELSE 1 END, @now);
SELECT MessageId, State, LeaseToken, Body, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound, @now AS CurrentUtc
  FROM dbo.InboxMessages
 WHERE Consumer = @consumer AND MessageId = @id;
COMMIT TRAN;
