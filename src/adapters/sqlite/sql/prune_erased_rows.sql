-- prune_erased_rows: deletes messages of deleted clients: sent and discarded ones at once, dead ones after their time.
-- Those that still wait are sent first. :before, :rows_max
DELETE FROM OutboxMessages
WHERE Seq IN (
  SELECT Seq FROM OutboxMessages
  WHERE EXISTS (SELECT 1 FROM Erasures) AND State IN (2, 4) AND Subject IN (SELECT Subject FROM Erasures)
  UNION ALL
  SELECT Seq FROM OutboxMessages
  WHERE State = 3 AND coalesce(LastAttemptOnUtc, OccurredOnUtc) <= :before AND Subject IN (SELECT Subject FROM Erasures WHERE OnUtc <= :before)
  LIMIT :rows_max
)
