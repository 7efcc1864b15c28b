-- inbox_expire: leases that ran out become in doubt. @consumer, @resend 1: due now, else held; @reason, @rows_max
-- The token stays: until another takes the mail, its late holder is the one who knows.
UPDATE m
   SET State = 4, Doubts = m.Doubts + 1, DueAt = CASE WHEN @resend = 1 THEN @now ELSE NULL END, LastError = @reason,
       -- A doubt that was only being asked about stays the doubt it was.
       DoubtedOnUtc = CASE WHEN m.DoubtedOnUtc IS NOT NULL AND m.NotFound < 2 THEN m.DoubtedOnUtc ELSE m.DueAt END,
       NotFound = CASE WHEN m.DoubtedOnUtc IS NOT NULL AND m.NotFound < 2 THEN m.NotFound ELSE 0 END
OUTPUT inserted.MessageId AS MessageId
  FROM dbo.InboxMessages m
 WHERE m.Consumer = @consumer AND m.State = 1 AND m.DueAt <= @now
   AND m.MessageId IN (SELECT TOP (@rows_max) o.MessageId
                         FROM dbo.InboxMessages o WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
                        -- The IN list repeats the index's filter, which is not inferred from State = 1.
                        WHERE o.Consumer = @consumer AND o.State IN (0, 1, 3, 4) AND o.State = 1 AND o.DueAt <= @now
                        ORDER BY o.DueAt);
