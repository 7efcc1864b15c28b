-- books_store_key: the answer of a write that succeeded. @key, @fingerprint, @answer, @lifetime_s
-- Only an expired key can be here: a live one was answered before.
DELETE FROM dbo.IdempotencyKeys WHERE [Key] = @key;
INSERT dbo.IdempotencyKeys ([Key], Fingerprint, Answer, ExpiresOnUtc)
VALUES (@key, @fingerprint, @answer, DATEADD(second, @lifetime_s, @now));
