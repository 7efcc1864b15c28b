-- pause_end: ends the pause and closes the breaker. No row changed: it was neither paused nor open.
-- :name, :now
UPDATE Destinations
   SET PausedOnUtc = NULL, PausedUntilUtc = NULL, PausedBy = NULL, PausedReason = NULL,
       OpenUntil = NULL, OpenedOnUtc = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
 WHERE Name = :name AND (PausedUntilUtc > :now OR OpenUntil IS NOT NULL);
