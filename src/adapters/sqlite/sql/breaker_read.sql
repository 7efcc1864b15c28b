-- breaker_read: a destination's pause, breaker and rate limit. :name
SELECT PausedOnUtc IS NOT NULL AS Paused, OpenUntil, Failures, PacedUntilUtc FROM Destinations WHERE Name = :name
