-- outbox_settle_dead: dead-letters a row. :seq, :token, :now, :retries, :outcome, :error, :fingerprint
UPDATE OutboxMessages
SET State = 3,
    Claims = 0,
    RetryCount = min(RetryCount, 1000000) + :retries,
    LastOutcome = :outcome,
    LastAttemptOnUtc = :now,
    LastError = :error,
    Fingerprint = :fingerprint
WHERE Seq = :seq AND LeaseToken = :token AND State = 1
RETURNING Id
