-- breaker_take_probe: gives the probe to one dispatcher; OpenUntil becomes the probe's lease. @name, @token, @lease_ms
-- @again 1: the answer of an earlier try was lost, so a probe with our token is the one it took.
UPDATE dbo.Destinations
   SET ProbeToken = @token, OpenUntil = DATEADD(millisecond, @lease_ms, @now)
 WHERE Name = @name AND (OpenUntil <= @now OR (@again = 1 AND ProbeToken = @token)) 
   AND (PausedUntilUtc IS NULL OR PausedUntilUtc <= @now);
SELECT @@ROWCOUNT AS Done;
