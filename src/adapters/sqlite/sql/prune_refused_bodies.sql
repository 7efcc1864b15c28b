-- prune_refused_bodies: deletes the content of refused mails; the tombstone stays. :before, :rows_max
UPDATE InboxMessages
SET Body = NULL
WHERE (Consumer, MessageId) IN (
  SELECT Consumer, MessageId FROM InboxMessages
  WHERE State = 5 AND Body IS NOT NULL AND FinishedOnUtc <= :before
  ORDER BY FinishedOnUtc
  LIMIT :rows_max
)
