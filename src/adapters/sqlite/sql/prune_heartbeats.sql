-- prune_heartbeats: deletes those of a day ago. :before (now), :rows_max
DELETE FROM Heartbeats
WHERE (Function, Instance) IN (
  SELECT Function, Instance FROM Heartbeats
  -- A function that runs less often than daily is not gone yet.
  WHERE LastRunOnUtc <= :before - 86400000 AND NextByUtc <= :before - 86400000
  LIMIT :rows_max
)
