-- ops_pause: nothing is sent there until it is resumed. No row: it is paused already, since when stays.
-- :name, :now
UPDATE Destinations SET PausedOnUtc = :now WHERE Name = :name AND PausedOnUtc IS NULL;
