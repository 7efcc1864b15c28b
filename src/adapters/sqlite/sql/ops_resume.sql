-- ops_resume: ends the pause and closes the breaker. No row: neither was there.
-- :name, :now not used, since pause and resume are called alike
UPDATE Destinations
   SET PausedOnUtc = NULL, OpenUntil = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
 WHERE Name = :name AND (PausedOnUtc IS NOT NULL OR OpenUntil IS NOT NULL) AND :now IS NOT NULL;
