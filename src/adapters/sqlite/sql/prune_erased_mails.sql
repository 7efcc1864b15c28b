-- prune_erased_mails: mails of deleted clients become tombstones without personal data: sent ones at once, refused ones
-- after their time, and so those in doubt that waited for a person. :before, :rows_max
UPDATE InboxMessages
SET Body = NULL, Subject = NULL, RecipientHash = NULL, Reference = NULL,
    -- Its failure group may quote what the provider said of the recipient: it goes once nothing else is in it.
    Fingerprint = NULL,
    LastError = iif(State = 2, NULL, 'erased: its client was deleted'),
    -- Nobody can decide it any more: its tombstone is pruned like any other.
    FinishedOnUtc = iif(State = 4, coalesce(DoubtedOnUtc, ReceivedOnUtc), FinishedOnUtc),
    State = iif(State = 4, 5, State)
WHERE (Consumer, MessageId) IN (
  SELECT m.Consumer, m.MessageId
  FROM Erasures e JOIN InboxMessages m ON m.Subject = e.Subject
  WHERE m.Subject IS NOT NULL
    AND (m.State = 2
         OR (m.State = 5 AND m.FinishedOnUtc <= :before)
         OR (m.State = 4 AND m.DueAt IS NULL AND e.OnUtc <= :before AND coalesce(m.DoubtedOnUtc, m.ReceivedOnUtc) <= :before))
  LIMIT :rows_max
)
RETURNING Consumer, MessageId
