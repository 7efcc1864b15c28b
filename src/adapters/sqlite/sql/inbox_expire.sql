-- inbox_expire: leases that ran out become in doubt.
-- :consumer, :now, :resend due now, else held, :reason, :rows_max
UPDATE InboxMessages
   -- The token stays: until another takes the mail, its late holder is the one who knows.
   SET State = 4, Doubts = Doubts + 1, DueAt = iif(:resend, :now, NULL), LastError = :reason,
       -- A doubt that was only being asked about stays the doubt it was.
       DoubtedOnUtc = iif(DoubtedOnUtc IS NOT NULL AND NotFound < 2, DoubtedOnUtc, DueAt),
       NotFound = iif(DoubtedOnUtc IS NOT NULL AND NotFound < 2, NotFound, 0)
 WHERE Consumer = :consumer
   AND MessageId IN (SELECT MessageId FROM InboxMessages
                      -- The IN list repeats the index's filter; SQLite does not infer it from State = 1.
                      WHERE Consumer = :consumer AND State IN (0, 1, 3, 4) AND State = 1 AND DueAt <= :now
                      ORDER BY DueAt LIMIT :rows_max)
RETURNING MessageId;
