-- ops_resume: ends the pause and closes the breaker. No row changed: it was neither paused nor open.
-- :name, :now not used, since pause and resume share one call
UPDATE Destinations
   SET PausedOnUtc = NULL, OpenUntil = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
 WHERE Name = :name AND (PausedOnUtc IS NOT NULL OR OpenUntil IS NOT NULL) AND :now IS NOT NULL;
