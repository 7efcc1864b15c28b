-- outbox_expire: leases that ran out too often are dead. :destination, :now, :claims_max, :rows_max
-- The token goes, so that a late settle of the last holder is told it lost the lease.
-- Nobody knows whether the bus stored it: outcome 3 (unknown), at the latest when the lease ended.
-- "State < 2 AND Claims >= 2" are said although State = 1 and :claims_max imply them: only so IX_Outbox_Suspect matches.
UPDATE OutboxMessages
SET State = 3,
    LeaseToken = NULL,
    LastOutcome = 3,
    LastAttemptOnUtc = DueAt,
    LastError = 'claimed ' || Claims || ' times and never settled: whoever publishes it dies or hangs. '
             || 'Look at it with `ops show`, then requeue or discard it'
WHERE Seq IN (
  SELECT Seq FROM OutboxMessages
  WHERE Destination = :destination AND State < 2 AND Claims >= 2
    AND State = 1 AND DueAt <= :now AND Claims >= :claims_max
  ORDER BY DueAt, Seq
  LIMIT :rows_max
)
