-- ops_pause: nothing is sent to a destination until it is resumed. If it is paused already, PausedOnUtc stays. @name
UPDATE dbo.Destinations SET PausedOnUtc = @now, PausedUntilUtc = '9999-12-31T23:59:59', PausedBy = NULL, PausedReason = NULL
 WHERE Name = @name AND (PausedUntilUtc IS NULL OR PausedUntilUtc <= @now);
