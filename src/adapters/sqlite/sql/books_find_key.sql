-- books_find_key: the answer given under an idempotency key.
-- :key; :now an expired key counts as absent, pruned or not
SELECT Fingerprint, Answer FROM IdempotencyKeys WHERE Key = :key AND ExpiresOnUtc > :now;
