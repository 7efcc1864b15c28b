-- breaker_take_probe: one of all who ask gets it; OpenUntil becomes the probe's lease. @name, @token, @lease_ms
-- @again 1: an earlier try's answer was lost, so a probe of our own token is the one it took.
UPDATE dbo.Destinations
   SET ProbeToken = @token, OpenUntil = DATEADD(millisecond, @lease_ms, @now)
 WHERE Name = @name AND (OpenUntil <= @now OR (@again = 1 AND ProbeToken = @token)) AND PausedOnUtc IS NULL;
SELECT @@ROWCOUNT AS Done;
