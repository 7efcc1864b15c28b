-- outbox_due: what is due per destination; the only query of an idle dispatcher. :now, :types JSON of routed event types
-- Each booking runs it, by the nudge, also in an outage: so it costs the same for any backlog. It steps from one
-- destination to the next in IX_Outbox_Due, and counts up to 10 rows of each.
-- Only the oldest unrouted row of a key can be routed.
-- Destination '' means that there is a row to route. Searched per type: rows of types without a route cost nothing.
WITH RECURSIVE known (Destination) AS (
  SELECT (SELECT Destination FROM OutboxMessages WHERE State < 2 AND Destination > '' ORDER BY Destination LIMIT 1)
  UNION ALL
  SELECT (SELECT o.Destination FROM OutboxMessages AS o
           WHERE o.State < 2 AND o.Destination > known.Destination ORDER BY o.Destination LIMIT 1)
  FROM known
  WHERE known.Destination IS NOT NULL
), due (Destination, Waiting, Suspects) AS (
  SELECT Destination,
         (SELECT count(*) FROM (
            SELECT 1 FROM OutboxMessages AS o
            WHERE o.State < 2 AND o.Destination = known.Destination AND o.DueAt <= :now LIMIT 10)),
         (SELECT count(*) FROM (
            SELECT 1 FROM OutboxMessages AS o
            WHERE o.State < 2 AND o.Claims >= 2 AND o.Destination = known.Destination AND o.DueAt <= :now LIMIT 10))
  FROM known
  WHERE Destination IS NOT NULL
)
SELECT '' AS Destination, 1 AS Waiting, 0 AS Suspects, 0 AS Missing, 0 AS Paused, NULL AS OpenUntil
WHERE EXISTS (
  SELECT 1 FROM json_each(:types) AS r
  CROSS JOIN OutboxMessages AS o
  WHERE o.EventType = r.value AND o.Destination = '' AND o.State < 2 AND o.State = 0
    AND NOT EXISTS (
      SELECT 1 FROM OutboxMessages AS e
      WHERE e.Destination = '' AND e.OrderingKey = o.OrderingKey AND e.Seq < o.Seq AND e.ProcessedOnUtc IS NULL AND e.State < 2
    ))
UNION ALL
SELECT w.Destination, w.Waiting, w.Suspects, d.Name IS NULL AS Missing, coalesce(d.PausedUntilUtc > :now, 0) AS Paused,
       d.OpenUntil
FROM due AS w
LEFT JOIN Destinations AS d ON d.Name = w.Destination
WHERE w.Waiting > 0
ORDER BY Destination
