-- ops_pause: nothing is sent to a destination until it is resumed. No row changed: it is paused already.
-- :name, :now
UPDATE Destinations SET PausedOnUtc = :now, PausedUntilUtc = 253402300799000, PausedBy = NULL, PausedReason = NULL
 WHERE Name = :name AND coalesce(PausedUntilUtc, 0) <= :now;
