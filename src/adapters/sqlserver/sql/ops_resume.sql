-- ops_resume: ends the pause and closes the breaker. @name
UPDATE dbo.Destinations
   SET PausedOnUtc = NULL, PausedUntilUtc = NULL, PausedBy = NULL, PausedReason = NULL, OpenUntil = NULL, OpenedOnUtc = NULL,
       ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
 WHERE Name = @name AND (PausedUntilUtc > @now OR OpenUntil IS NOT NULL);
