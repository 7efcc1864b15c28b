-- breaker_read: a destination's pause, breaker and rate limit. @name
SELECT CASE WHEN PausedOnUtc IS NULL THEN 0 ELSE 1 END AS Paused, OpenUntil, Failures, PacedUntilUtc, @now AS CurrentUtc
  FROM dbo.Destinations
 WHERE Name = @name;
