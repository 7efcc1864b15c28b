-- lock(:entity, :now, :until, :token): the oldest free message; the delivery counts from here.
UPDATE Messages
SET LockToken = :token, LockedUntil = :until, DeliveryCount = DeliveryCount + 1
WHERE Seq = (
  SELECT Seq FROM Messages
  WHERE Entity = :entity AND AvailableAt <= :now AND LockedUntil <= :now
  ORDER BY Seq LIMIT 1)
RETURNING Seq, MessageId, Body, ContentType, Broker, Properties, EnqueuedAt, ExpiresAt, DeliveryCount, LockedUntil, DeadReason
