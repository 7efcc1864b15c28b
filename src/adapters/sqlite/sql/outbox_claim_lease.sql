-- outbox_claim_lease: leases rows that were found claimable in this transaction. :seqs JSON, :token, :until
-- min(): an absurd count from another program must not overflow and fail the whole claim.
UPDATE OR FAIL OutboxMessages
SET State = 1, LeaseToken = :token, DueAt = :until, Claims = min(Claims, 1000000) + 1
WHERE Seq IN (SELECT value FROM json_each(:seqs))
