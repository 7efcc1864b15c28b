-- report_destinations: one line per destination and mail provider, including those that only rows name; '' counts rows
-- without a destination.
WITH unfinished AS (
  SELECT Destination, SUM(CASE WHEN State = 0 THEN 1 ELSE 0 END) AS Pending, SUM(CASE WHEN State = 1 THEN 1 ELSE 0 END) AS Leased
    FROM dbo.OutboxMessages WITH (INDEX(IX_Outbox_Due)) WHERE State < 2 GROUP BY Destination
), dead AS (
  SELECT Destination, COUNT_BIG(*) AS Dead
    FROM dbo.OutboxMessages WITH (INDEX(IX_Outbox_Dead)) WHERE State = 3 GROUP BY Destination
), names AS (
  SELECT Name FROM dbo.Destinations
   UNION SELECT Destination FROM unfinished
   UNION SELECT Destination FROM dead
)
SELECT n.Name, COALESCE(u.Pending, 0) AS Pending, COALESCE(u.Leased, 0) AS Leased, COALESCE(x.Dead, 0) AS Dead,
       d.PausedOnUtc, CASE WHEN d.PausedUntilUtc > @now THEN d.PausedUntilUtc ELSE NULL END AS PausedUntilUtc,
       d.PausedBy, d.PausedReason, d.OpenedOnUtc, d.OpenUntil, d.Reason, COALESCE(d.Failures, 0) AS Failures,
       d.LastAcceptedOnUtc, CASE WHEN d.PacedUntilUtc > @now THEN d.PacedUntilUtc ELSE NULL END AS PacedUntilUtc
  FROM names n
  LEFT JOIN dbo.Destinations d ON d.Name = n.Name
  LEFT JOIN unfinished u ON u.Destination = n.Name
  LEFT JOIN dead x ON x.Destination = n.Name
 ORDER BY n.Name;
SELECT @now AS CurrentUtc;
