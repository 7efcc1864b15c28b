-- outbox_dead_letter: dead-letters the rows of an invalid destination. :destination (bytes), :now, :error, :fingerprint, :rows_max
-- CAST: the name is compared byte by byte, even if it is not UTF-8.
UPDATE OutboxMessages
SET State = 3, LastError = :error, LastOutcome = NULL, Fingerprint = :fingerprint, LeaseToken = NULL, Claims = 0
WHERE Seq IN (
  SELECT Seq FROM OutboxMessages
  WHERE Destination = CAST(:destination AS TEXT) AND State < 2 AND (State = 0 OR DueAt <= :now)
  ORDER BY Seq
  LIMIT :rows_max
)
RETURNING Seq, Id, LastOutcome, LastError
