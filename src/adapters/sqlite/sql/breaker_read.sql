-- breaker_read: a destination's pause, breaker and rate limit. :name, :now
SELECT coalesce(PausedUntilUtc > :now, 0) AS Paused, OpenUntil, Failures, PacedUntilUtc
FROM Destinations
WHERE Name = :name
