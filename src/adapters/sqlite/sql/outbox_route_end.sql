-- outbox_route_end: finishes a row without a destination. :seq, :state (3 dead, 4 discarded), :processed_on (discarded only), :error, :fingerprint (dead only)
UPDATE OutboxMessages
SET State = :state, ProcessedOnUtc = :processed_on, LastError = :error, LastOutcome = NULL,
    Fingerprint = :fingerprint, LeaseToken = NULL, Claims = 0
WHERE Seq = :seq AND Destination = '' AND State = 0
RETURNING Seq, Id, LastOutcome, LastError
