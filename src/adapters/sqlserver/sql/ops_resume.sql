-- ops_resume: ends the pause and closes the breaker. @name
UPDATE dbo.Destinations
   SET PausedOnUtc = NULL, OpenUntil = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
 WHERE Name = @name AND (PausedOnUtc IS NOT NULL OR OpenUntil IS NOT NULL);
