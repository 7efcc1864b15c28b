-- rate_limit_waits: stores whether mails wait for the provider's rate limit, and until when. :provider, :until NULL: none
UPDATE Destinations SET PacedUntilUtc = :until WHERE Name = :provider AND PacedUntilUtc IS NOT :until;
