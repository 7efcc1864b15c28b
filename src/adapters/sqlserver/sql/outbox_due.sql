-- outbox_due: what waits, per destination; all an idle dispatcher asks.
-- Counted in IX_Outbox_Due alone, then joined: one look-up per destination, not per row.
SELECT w.Destination, w.Waiting, w.Suspects, CASE WHEN d.Name IS NULL THEN 1 ELSE 0 END AS Missing,
       CASE WHEN d.PausedOnUtc IS NULL THEN 0 ELSE 1 END AS Paused, d.OpenUntil, @now AS CurrentUtc
  FROM (SELECT Destination, COUNT_BIG(*) AS Waiting, SUM(CASE WHEN Claims >= 2 THEN 1 ELSE 0 END) AS Suspects
          FROM dbo.OutboxMessages
         WHERE State < 2 AND Destination > N'' AND DueAt <= @now
         GROUP BY Destination) AS w
  LEFT JOIN dbo.Destinations d ON d.Name = w.Destination
 ORDER BY w.Destination;
