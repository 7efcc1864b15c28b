-- outbox_route_end: finishes a row without a destination. :seq, :state (3 dead, 4 discarded), :processed_on (discarded only), :error
UPDATE OutboxMessages
SET State = :state, ProcessedOnUtc = :processed_on, LastError = :error, LastOutcome = NULL, LeaseToken = NULL, Claims = 0
WHERE Seq = :seq AND Destination = '' AND State = 0
