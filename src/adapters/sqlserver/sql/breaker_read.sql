-- breaker_read: a destination's pause, breaker and rate limit. @name
SELECT CASE WHEN PausedUntilUtc > @now THEN 1 ELSE 0 END AS Paused, OpenUntil, Failures, PacedUntilUtc, @now AS CurrentUtc
  FROM dbo.Destinations
 WHERE Name = @name;
