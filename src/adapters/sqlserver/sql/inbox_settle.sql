-- inbox_settle: the outcome of a mail, by the holder of its lease.
-- @consumer, @id, @token, @state, @delay_ms NULL: not due by itself; @error, @provider, @reference, @recipient_failed, @doubted and @not_found 1 or 0;
-- @fingerprint of its failure, @attempt 1: it is one, @bucket that counts it; NULL: only a sent mail is counted, by its latency
UPDATE m
   SET State = @state,
       DueAt = DATEADD(millisecond, @delay_ms, @now),
       LastError = @error,
       Fingerprint = CASE WHEN @state = 2 THEN NULL ELSE COALESCE(@fingerprint, m.Fingerprint) END,
       Provider = COALESCE(@provider, m.Provider),
       Reference = COALESCE(@reference, m.Reference),
       Doubts = m.Doubts + @doubted,
       DoubtedOnUtc = CASE WHEN @doubted = 1 THEN @now ELSE m.DoubtedOnUtc END,
       NotFound = CASE WHEN @doubted = 1 THEN 0 ELSE m.NotFound + @not_found END,
       FirstTransientOnUtc = CASE WHEN @recipient_failed = 1 THEN COALESCE(m.FirstTransientOnUtc, @now) ELSE m.FirstTransientOnUtc END,
       -- The content is no longer needed; the row stays as the tombstone that recognises repeats.
       Body = CASE WHEN @state = 2 THEN NULL ELSE m.Body END,
       FinishedOnUtc = CASE WHEN @state IN (2, 5) THEN @now ELSE NULL END,
       -- inbox_refused_alike sets it: a kind of an earlier refusal says nothing of this one.
       RefusedAlike = NULL
  FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages))
 WHERE m.Consumer = @consumer AND m.MessageId = @id AND m.LeaseToken = @token
   -- In doubt under this token: the lease ran out, and nobody leased the mail since. A late outcome ends the doubt,
   -- but a late doubt was counted already.
   AND (m.State = 1 OR (m.State = 4 AND @state <> 4));
DECLARE @changed int = @@ROWCOUNT;
INSERT @tried (Id, State, Reference, Error, Fingerprint)
SELECT @id, @state, @reference, @error, @fingerprint WHERE @changed = 1 AND @attempt = 1;
INSERT @counted (Bucket, SinceUtc)
SELECT @bucket, CASE WHEN @state <> 2 THEN NULL
            -- The host names the second in which the queue got it, so a shorter difference is none.
            WHEN m.EnqueuedOnUtc < DATEADD(second, -1, m.ReceivedOnUtc) THEN m.EnqueuedOnUtc
            ELSE m.ReceivedOnUtc END
  FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages))
 WHERE m.Consumer = @consumer AND m.MessageId = @id AND @changed = 1 AND (@state = 2 OR @bucket IS NOT NULL);
