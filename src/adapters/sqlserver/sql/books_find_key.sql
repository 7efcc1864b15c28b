-- books_find_key: what was answered under an idempotency key. @key
-- An expired key counts as absent, pruned or not.
SELECT Fingerprint, Answer FROM dbo.IdempotencyKeys WHERE [Key] = @key AND ExpiresOnUtc > @now;
