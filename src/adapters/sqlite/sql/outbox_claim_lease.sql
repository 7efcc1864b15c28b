-- outbox_claim_lease: leases one row that was found claimable in this transaction. :seq, :token, :until
-- min(): an absurd count from another program must not overflow and fail the whole claim.
UPDATE OutboxMessages
SET State = 1, LeaseToken = :token, DueAt = :until, Claims = min(Claims, 1000000) + 1
WHERE Seq = :seq
RETURNING Seq, Id, EventType, OrderingKey, ContentType, Payload, Headers, OccurredOnUtc, Claims, RetryCount,
          LastOutcome, LastAttemptOnUtc
