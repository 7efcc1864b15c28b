-- ops_pause: nothing is sent to a destination until it is resumed. No row changed: it is paused already.
-- :name, :now
UPDATE Destinations SET PausedOnUtc = :now WHERE Name = :name AND PausedOnUtc IS NULL;
