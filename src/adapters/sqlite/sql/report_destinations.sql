-- report_destinations: one line per destination and mail provider, including those that only rows name; '' counts rows
-- without a destination. :now
WITH unfinished AS (
  SELECT Destination, sum(State = 0) AS Pending, sum(State = 1) AS Leased
    FROM OutboxMessages INDEXED BY IX_Outbox_Due WHERE State < 2 GROUP BY Destination
), dead AS (
  SELECT Destination, count(*) AS Dead
    FROM OutboxMessages INDEXED BY IX_Outbox_Dead WHERE State = 3 GROUP BY Destination
), names AS (
  SELECT Name FROM Destinations
   UNION SELECT Destination FROM unfinished
   UNION SELECT Destination FROM dead
)
SELECT names.Name, coalesce(unfinished.Pending, 0) AS Pending, coalesce(unfinished.Leased, 0) AS Leased,
       coalesce(dead.Dead, 0) AS Dead, d.PausedOnUtc, iif(d.PausedUntilUtc > :now, d.PausedUntilUtc, NULL) AS PausedUntilUtc,
       d.PausedBy, d.PausedReason, d.OpenedOnUtc, d.OpenUntil, d.Reason, coalesce(d.Failures, 0) AS Failures,
       d.LastAcceptedOnUtc, iif(d.PacedUntilUtc > :now, d.PacedUntilUtc, NULL) AS PacedUntilUtc
  FROM names
  LEFT JOIN Destinations d ON d.Name = names.Name
  LEFT JOIN unfinished ON unfinished.Destination = names.Name
  LEFT JOIN dead ON dead.Destination = names.Name
 ORDER BY names.Name;
