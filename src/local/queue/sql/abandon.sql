-- abandon(:entity, :id, :token, :now): releases the lock, so that the next receiver gets the message at once.
UPDATE Messages SET LockToken = NULL, LockedUntil = 0
WHERE Entity = :entity AND LockToken = :token AND LockedUntil > :now AND (CAST(Seq AS TEXT) = :id OR MessageId = :id)
RETURNING MessageId, DeliveryCount
