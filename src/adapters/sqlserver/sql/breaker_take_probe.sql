-- breaker_take_probe: one of all who ask gets it; OpenUntil becomes the probe's lease. @name, @token, @lease_ms
UPDATE dbo.Destinations
   SET ProbeToken = @token, OpenUntil = DATEADD(millisecond, @lease_ms, @now)
 WHERE Name = @name AND OpenUntil <= @now AND PausedOnUtc IS NULL;
SELECT @@ROWCOUNT AS Done;
