-- breaker_read: :name
SELECT PausedOnUtc IS NOT NULL AS Paused, OpenUntil, Failures, PacedUntilUtc FROM Destinations WHERE Name = :name
