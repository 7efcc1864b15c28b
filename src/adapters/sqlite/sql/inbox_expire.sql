-- inbox_expire: mails whose lease ran out become in doubt.
-- :consumer, :now, :resend due now, else held, :reason, :fingerprint, :rows_max
UPDATE InboxMessages
   -- The token stays: until the mail is leased again, its late holder can still settle it.
   SET State = 4, Doubts = Doubts + 1, DueAt = iif(:resend, :now, NULL), LastError = :reason,
       Fingerprint = :fingerprint,
       -- If only a status query was under way, the earlier doubt continues.
       DoubtedOnUtc = iif(DoubtedOnUtc IS NOT NULL AND NotFound < 2, DoubtedOnUtc, DueAt),
       NotFound = iif(DoubtedOnUtc IS NOT NULL AND NotFound < 2, NotFound, 0)
 WHERE Consumer = :consumer
   AND MessageId IN (SELECT MessageId FROM InboxMessages
                      -- The IN list repeats the index's filter; SQLite does not infer it from State = 1.
                      WHERE Consumer = :consumer AND State IN (0, 1, 3, 4) AND State = 1 AND DueAt <= :now
                      ORDER BY DueAt LIMIT :rows_max)
RETURNING MessageId, Traceparent;
