-- ops_pause: nothing is sent to a destination until it is resumed. If it is paused already, PausedOnUtc stays. @name
UPDATE dbo.Destinations SET PausedOnUtc = @now WHERE Name = @name AND PausedOnUtc IS NULL;
