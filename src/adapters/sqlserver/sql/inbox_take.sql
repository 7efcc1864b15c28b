-- inbox_take: leases the mails that were found; those to be sent count in the pace. Ends the batch.
-- @consumer, @token, @lease_ms, @provider, @per_minute, @per_hour
-- The predicate is repeated for a server that ignores lock hints.
UPDATE m
   SET State = 1, LeaseToken = @token, DueAt = DATEADD(millisecond, @lease_ms, @now), Attempts = m.Attempts + 1,
       -- That it was due and nobody tried (the breaker, the pace, a night without us) is not the recipient's failing.
       FirstTransientOnUtc = DATEADD(second, DATEDIFF(second, m.DueAt, @now), m.FirstTransientOnUtc)
OUTPUT inserted.MessageId AS MessageId, inserted.Body AS Body, inserted.Attempts AS Attempts, inserted.Doubts AS Doubts, inserted.FirstTransientOnUtc AS FirstTransientOnUtc,
       inserted.DoubtedOnUtc AS DoubtedOnUtc, inserted.NotFound AS NotFound
  FROM @due c
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = c.MessageId
 WHERE m.State IN (0, 3, 4) AND m.DueAt <= @now
OPTION (FORCE ORDER, LOOP JOIN);
IF @per_minute > 0 OR @per_hour > 0
  INSERT dbo.MailAttempts (Token, MessageId, Provider, OnUtc)
  SELECT @token, c.MessageId, @provider, DATEADD(millisecond, @lease_ms, @now) FROM @due c WHERE c.Asking = 0;
COMMIT TRAN;
-- The order of sending: OUTPUT has none, and on Babelfish it returns only columns of the new row.
SELECT MessageId AS TakenId, WasDueAt, @now AS CurrentUtc FROM @due;
