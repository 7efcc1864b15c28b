-- outbox_due: the backlog per destination; the only query of an idle dispatcher. :now, :types JSON of routed event types
-- Counted in IX_Outbox_Due alone, then joined: one lookup per destination, not per row.
-- Only the oldest unrouted row of a key can be routed.
-- Destination '' means that there is a row to route. Searched per type: rows of types without a route cost nothing.
SELECT '' AS Destination, 1 AS Waiting, 0 AS Suspects, 0 AS Missing, 0 AS Paused, NULL AS OpenUntil
WHERE EXISTS (
  SELECT 1 FROM json_each(:types) AS r
  CROSS JOIN OutboxMessages AS o
  WHERE o.EventType = r.value AND o.Destination = '' AND o.State < 2 AND o.State = 0
    AND NOT EXISTS (
      SELECT 1 FROM OutboxMessages AS e
      WHERE e.Destination = '' AND e.OrderingKey = o.OrderingKey AND e.Seq < o.Seq AND e.State < 2
    ))
UNION ALL
SELECT w.Destination, w.Waiting, w.Suspects, d.Name IS NULL AS Missing, coalesce(d.PausedUntilUtc > :now, 0) AS Paused,
       d.OpenUntil
FROM (
  SELECT Destination, count(*) AS Waiting, sum(Claims >= 2) AS Suspects
  FROM OutboxMessages
  WHERE State < 2 AND Destination > '' AND DueAt <= :now
  GROUP BY Destination
) AS w
LEFT JOIN Destinations AS d ON d.Name = w.Destination
ORDER BY Destination
