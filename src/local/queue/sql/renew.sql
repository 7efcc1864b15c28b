-- renew(:entity, :id, :token, :now, :until): a lock that has ended cannot be renewed.
UPDATE Messages SET LockedUntil = :until
WHERE Entity = :entity AND LockToken = :token AND LockedUntil > :now AND (CAST(Seq AS TEXT) = :id OR MessageId = :id)
RETURNING MessageId, DeliveryCount
