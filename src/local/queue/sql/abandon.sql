-- abandon(:entity, :id, :token, :now): free for the next receiver at once.
UPDATE Messages SET LockToken = NULL, LockedUntil = 0
WHERE Entity = :entity AND LockToken = :token AND LockedUntil > :now AND (CAST(Seq AS TEXT) = :id OR MessageId = :id)
RETURNING MessageId, DeliveryCount
