-- inbox_take: leases the mails that were found; those to be sent count against the rate limit. Ends the batch.
-- @consumer, @token, @lease_ms, @provider, @per_minute, @per_hour
-- The predicate is repeated for a server that ignores lock hints.
UPDATE m
   SET State = 1, LeaseToken = @token, DueAt = DATEADD(millisecond, @lease_ms, @now), Attempts = m.Attempts + 1,
       -- Time in which it was due and not tried (breaker, rate limit, downtime) is not the recipient's fault.
       FirstTransientOnUtc = DATEADD(second, DATEDIFF(second, m.DueAt, @now), m.FirstTransientOnUtc)
OUTPUT inserted.MessageId AS MessageId, inserted.Body AS Body, inserted.Traceparent AS Traceparent, inserted.Attempts AS Attempts, inserted.Doubts AS Doubts, inserted.FirstTransientOnUtc AS FirstTransientOnUtc,
       inserted.DoubtedOnUtc AS DoubtedOnUtc, inserted.NotFound AS NotFound
  FROM @due c
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = c.MessageId
 WHERE m.State IN (0, 3, 4) AND m.DueAt <= @now
OPTION (FORCE ORDER, LOOP JOIN);
IF @per_minute > 0 OR @per_hour > 0
  INSERT dbo.MailAttempts (Token, MessageId, Provider, OnUtc)
  SELECT @token, c.MessageId, @provider, DATEADD(millisecond, @lease_ms, @now) FROM @due c WHERE c.Querying = 0;
COMMIT TRAN;
-- The order of sending: OUTPUT has none, and on Babelfish it returns only columns of the new row.
SELECT MessageId AS TakenId, WasDueAt, @now AS CurrentUtc FROM @due;
