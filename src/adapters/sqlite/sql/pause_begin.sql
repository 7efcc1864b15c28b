-- pause_begin: nothing is claimed until then. No row changed: it is paused so already.
-- :name, :until, :by, :reason, :now; :drain 1: a pause that is there stays as it is
UPDATE Destinations
   SET PausedOnUtc = iif(PausedUntilUtc > :now, PausedOnUtc, :now), PausedUntilUtc = :until, PausedBy = :by,
       PausedReason = :reason
 WHERE Name = :name AND (coalesce(PausedUntilUtc, 0) <= :now OR (:drain = 0 AND PausedUntilUtc <> :until));
