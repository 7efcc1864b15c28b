-- prune_heartbeats: deletes those of a day ago, but for each timer's newest: that it no longer runs must be seen.
-- :before (now), :rows_max
DELETE FROM Heartbeats
WHERE (Function, Instance) IN (
  SELECT Function, Instance FROM Heartbeats AS h
  -- A function that runs less often than daily is not gone yet.
  WHERE LastRunOnUtc <= :before - 86400000 AND NextByUtc <= :before - 86400000
    AND (Function = 'dispatch' OR EXISTS (
      SELECT 1 FROM Heartbeats AS n WHERE n.Function = h.Function AND n.LastRunOnUtc > h.LastRunOnUtc))
  LIMIT :rows_max
)
