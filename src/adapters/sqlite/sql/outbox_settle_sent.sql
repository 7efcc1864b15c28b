-- outbox_settle_sent: the bus has accepted the message. :seq, :token, :now
-- The token stays, so that a repeat of this settle is recognised.
UPDATE OutboxMessages
SET State = 2, ProcessedOnUtc = :now, LastAttemptOnUtc = :now, LastOutcome = 0, LastError = NULL, Fingerprint = NULL,
    Claims = 0
WHERE Seq = :seq AND LeaseToken = :token AND State = 1
RETURNING OccurredOnUtc
