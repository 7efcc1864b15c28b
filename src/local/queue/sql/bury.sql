-- bury(:entity, :now, :max): delivered as often as allowed and locked by nobody any more.
UPDATE Messages
SET Entity = Entity || '/$deadletterqueue', DeadReason = 'MaxDeliveryCountExceeded', LockToken = NULL, LockedUntil = 0
WHERE Entity = :entity AND DeliveryCount >= :max AND LockedUntil <= :now
RETURNING MessageId, DeliveryCount
