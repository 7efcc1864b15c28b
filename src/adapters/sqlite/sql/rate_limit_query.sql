-- rate_limit_query: counts a status query if the rate limit allows it; a repeat of the lease counts once.
-- :token, :id, :provider the name under which its queries count, :lease_ends, :room how many more are allowed
INSERT INTO MailAttempts (Token, MessageId, Provider, OnUtc)
SELECT :token, :id, :provider, :lease_ends
 WHERE :room > 0 OR EXISTS (SELECT 1 FROM MailAttempts WHERE Token = :token AND MessageId = :id)
    -- Counts as a changed row, but changes nothing.
    ON CONFLICT (Token, MessageId) DO UPDATE SET OnUtc = MailAttempts.OnUtc;
