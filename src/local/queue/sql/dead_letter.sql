-- dead_letter(:entity, :now, :max): messages that reached the delivery limit and are no longer locked.
UPDATE Messages
SET Entity = Entity || '/$deadletterqueue', DeadReason = 'MaxDeliveryCountExceeded', LockToken = NULL, LockedUntil = 0
WHERE Entity = :entity AND DeliveryCount >= :max AND LockedUntil <= :now
RETURNING MessageId, DeliveryCount
