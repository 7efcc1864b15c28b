-- outbox_dead_letter: rows of a destination that can be none are dead. :destination (bytes), :now, :error, :rows_max
-- CAST: the name is compared byte by byte, also where it is not UTF-8.
UPDATE OutboxMessages
SET State = 3, LastError = :error, LastOutcome = NULL, LeaseToken = NULL, Claims = 0
WHERE Seq IN (
  SELECT Seq FROM OutboxMessages
  WHERE Destination = CAST(:destination AS TEXT) AND State < 2 AND (State = 0 OR DueAt <= :now)
  ORDER BY Seq
  LIMIT :rows_max
)
