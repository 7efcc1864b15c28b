-- inbox_take: leases the mails that were found; ends the batch. @consumer, @token, @lease_ms
-- The predicate is repeated for a server that ignores lock hints.
UPDATE m
   SET State = 1, LeaseToken = @token, DueAt = DATEADD(millisecond, @lease_ms, @now), Attempts = m.Attempts + 1
OUTPUT inserted.MessageId, inserted.Body, inserted.Attempts, inserted.Doubts, inserted.FirstTransientOnUtc, deleted.DueAt,
       @now AS CurrentUtc
  FROM dbo.InboxMessages m
  JOIN @due c ON c.MessageId = m.MessageId
 WHERE m.Consumer = @consumer AND m.State IN (0, 3, 4) AND m.DueAt <= @now;
COMMIT TRAN;
