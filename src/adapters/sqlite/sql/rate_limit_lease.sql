-- rate_limit_lease: a mail that was leased to be sent counts until its sending has ended, and a window longer.
-- :token, :id, :provider, :lease_ends
INSERT INTO MailAttempts (Token, MessageId, Provider, OnUtc) VALUES (:token, :id, :provider, :lease_ends);
