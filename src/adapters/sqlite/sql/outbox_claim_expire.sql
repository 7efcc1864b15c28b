-- outbox_claim_expire: dead-letters rows whose leases ran out too often. :destination, :now, :claims_max, :fingerprint, :rows_max
-- The token is removed, so that a late settle by the last holder gets "lease lost".
-- It is unknown whether the bus stored the message: outcome 3 (unknown), at the latest when the lease ended.
-- State = 1 and :claims_max imply "State < 2 AND Claims >= 2", but IX_Outbox_Suspect only matches if they are written.
UPDATE OutboxMessages
SET State = 3,
    LeaseToken = NULL,
    LastOutcome = 3,
    LastAttemptOnUtc = DueAt,
    Fingerprint = :fingerprint,
    LastError = 'claimed ' || Claims || ' times and never settled: whoever publishes it dies or hangs. '
             || 'Look at it with `ops show`, then requeue or discard it'
WHERE Seq IN (
  SELECT Seq FROM OutboxMessages
  WHERE Destination = :destination AND State < 2 AND Claims >= 2
    AND State = 1 AND DueAt <= :now AND Claims >= :claims_max
  ORDER BY DueAt, Seq
  LIMIT :rows_max
)
RETURNING Seq, Id, LastOutcome, LastError
