-- outbox_due: what waits, per destination; all an idle dispatcher asks. :now
-- Counted in IX_Outbox_Due alone, then joined: one look-up per destination, not per row.
SELECT w.Destination, w.Waiting, w.Suspects, d.Name IS NULL AS Missing, d.PausedOnUtc IS NOT NULL AS Paused, d.OpenUntil
FROM (
  SELECT Destination, count(*) AS Waiting, sum(Claims >= 2) AS Suspects
  FROM OutboxMessages
  WHERE State < 2 AND Destination > '' AND DueAt <= :now
  GROUP BY Destination
) AS w
LEFT JOIN Destinations AS d ON d.Name = w.Destination
ORDER BY w.Destination
