-- breaker_take_probe: gives the probe to one dispatcher; OpenUntil becomes the probe's lease. :name, :token, :now, :until
UPDATE Destinations
SET ProbeToken = :token, OpenUntil = :until
WHERE Name = :name AND OpenUntil <= :now AND coalesce(PausedUntilUtc, 0) <= :now
