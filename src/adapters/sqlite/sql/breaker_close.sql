-- breaker_close: only by the probe's holder; a batch that was under way when the breaker opened proves nothing. :name, :token
UPDATE Destinations
SET OpenUntil = NULL, OpenedOnUtc = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
WHERE Name = :name AND ProbeToken = :token
