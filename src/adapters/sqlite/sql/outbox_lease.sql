-- outbox_lease: takes one row that was just found claimable in this transaction. :seq, :token, :until
-- min(): an absurd count written by another program must not overflow, which would fail the whole claim.
UPDATE OutboxMessages
SET State = 1, LeaseToken = :token, DueAt = :until, Claims = min(Claims, 1000000) + 1
WHERE Seq = :seq
RETURNING Seq, Id, EventType, OrderingKey, ContentType, Payload, Headers, OccurredOnUtc, Claims, RetryCount,
          LastOutcome, LastAttemptOnUtc
