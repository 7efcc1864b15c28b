-- outbox_settle_sent: the bus has accepted the messages. :seqs JSON, :token, :now
-- The token stays, so that a repeat of this settle is recognised.
UPDATE OR FAIL OutboxMessages
SET State = 2, ProcessedOnUtc = :now, LastAttemptOnUtc = :now, LastOutcome = 0, LastError = NULL, Fingerprint = NULL,
    Claims = 0
WHERE Seq IN (SELECT value FROM json_each(:seqs)) AND LeaseToken = :token AND State = 1
RETURNING Seq, OccurredOnUtc
