-- complete(:entity, :id, :token, :now): by sequence number or message id, while the lock lasts.
DELETE FROM Messages
WHERE Entity = :entity AND LockToken = :token AND LockedUntil > :now AND (CAST(Seq AS TEXT) = :id OR MessageId = :id)
RETURNING MessageId, DeliveryCount
