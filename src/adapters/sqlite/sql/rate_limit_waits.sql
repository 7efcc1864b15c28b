-- rate_limit_waits: whether mails wait for the provider's pace, and until when. :provider, :until NULL: none does
UPDATE Destinations SET PacedUntilUtc = :until WHERE Name = :provider AND PacedUntilUtc IS NOT :until;
