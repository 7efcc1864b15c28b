-- prune_tombstones: deletes tombstones. A later repeat is refused as too old. :before, :rows_max
DELETE FROM InboxMessages
WHERE (Consumer, MessageId) IN (
  SELECT Consumer, MessageId FROM InboxMessages
  WHERE State IN (2, 5) AND FinishedOnUtc <= :before
  ORDER BY FinishedOnUtc
  LIMIT :rows_max
)
