-- prune_expired_keys: deletes expired idempotency keys. :before (now), :rows_max
DELETE FROM IdempotencyKeys
WHERE Key IN (SELECT Key FROM IdempotencyKeys WHERE ExpiresOnUtc <= :before ORDER BY ExpiresOnUtc LIMIT :rows_max)
