-- rate_limit_query: a place among the provider's queries, where there is room or this lease has one already.
-- :token, :id, :provider the name its queries count by, :lease_ends, :room how many more it may be asked
INSERT INTO MailAttempts (Token, MessageId, Provider, OnUtc)
SELECT :token, :id, :provider, :lease_ends
 WHERE :room > 0 OR EXISTS (SELECT 1 FROM MailAttempts WHERE Token = :token AND MessageId = :id)
    -- Counted as a row that changed, and left as it is.
    ON CONFLICT (Token, MessageId) DO UPDATE SET OnUtc = MailAttempts.OnUtc;
