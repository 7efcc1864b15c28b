-- next_change(:entity, :now): when the next message becomes free by time alone.
SELECT min(max(AvailableAt, LockedUntil)) FROM Messages WHERE Entity = :entity
