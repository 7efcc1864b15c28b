-- prune_groups: deletes failure groups that no row and no mail is in. :before, :rows_max
DELETE FROM FailureGroups
WHERE Fingerprint IN (
  SELECT g.Fingerprint FROM FailureGroups AS g
  WHERE g.LastSeenUtc <= :before
    AND NOT EXISTS (SELECT 1 FROM OutboxMessages AS o WHERE o.Fingerprint = g.Fingerprint)
    AND NOT EXISTS (SELECT 1 FROM InboxMessages AS m WHERE m.Fingerprint = g.Fingerprint)
  ORDER BY g.LastSeenUtc
  LIMIT :rows_max
)
