-- rate_limit_lease: counts a mail that was leased for sending, until its sending ends and for a window after that.
-- :token, :id, :provider, :lease_ends
INSERT INTO MailAttempts (Token, MessageId, Provider, OnUtc) VALUES (:token, :id, :provider, :lease_ends);
