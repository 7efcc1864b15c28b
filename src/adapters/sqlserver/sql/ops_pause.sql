-- ops_pause: nothing is sent there until it is resumed. Paused already: since when stays. @name
UPDATE dbo.Destinations SET PausedOnUtc = @now WHERE Name = @name AND PausedOnUtc IS NULL;
