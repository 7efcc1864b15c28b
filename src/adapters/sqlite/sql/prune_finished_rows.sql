-- prune_finished_rows: deletes sent and discarded rows, never dead ones. :before, :rows_max
DELETE FROM OutboxMessages
WHERE Seq IN (
  SELECT Seq FROM OutboxMessages
  WHERE State IN (2, 4) AND ProcessedOnUtc <= :before
  ORDER BY ProcessedOnUtc
  LIMIT :rows_max
)
