-- outbox_settle_back: makes the row pending again. :seq, :token, :now, :due_at, :claims, :retries, :outcome, :error, :fingerprint
-- :retries 1 for a retry, 0 for a release. :outcome NULL: it was not tried, so the data of the last try stays.
UPDATE OutboxMessages
SET State = 0,
    DueAt = :due_at,
    Claims = :claims,
    RetryCount = min(RetryCount, 1000000) + :retries,
    LastOutcome = coalesce(:outcome, LastOutcome),
    LastAttemptOnUtc = CASE WHEN :outcome IS NULL THEN LastAttemptOnUtc ELSE :now END,
    LastError = coalesce(:error, LastError),
    Fingerprint = coalesce(:fingerprint, Fingerprint)
WHERE Seq = :seq AND LeaseToken = :token AND State = 1
RETURNING Id
