-- books_store_key: the answer of a write that succeeded.
-- :key, :fingerprint, :answer, :expires
INSERT INTO IdempotencyKeys (Key, Fingerprint, Answer, ExpiresOnUtc)
VALUES (:key, :fingerprint, :answer, :expires)
-- Only an expired key can be here: a live one was answered before.
ON CONFLICT (Key) DO UPDATE
   SET Fingerprint = excluded.Fingerprint, Answer = excluded.Answer, ExpiresOnUtc = excluded.ExpiresOnUtc;
