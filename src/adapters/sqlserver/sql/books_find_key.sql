-- books_find_key: the answer given under an idempotency key. @key
-- An expired key counts as absent, even before it is pruned.
SELECT Fingerprint, Answer FROM dbo.IdempotencyKeys WHERE [Key] = @key AND ExpiresOnUtc > @now;
