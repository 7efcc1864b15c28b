-- breaker_open: never shortens a time that another set. :name, :token, :until, :reason, :now
-- The end of our own probe is replaced, not kept: it was a lease, and does not describe the destination.
-- Counted once per outage and probe: a second dispatcher that meets the same outage does not count another failure.
UPDATE Destinations
SET OpenedOnUtc = iif(OpenUntil IS NULL, :now, coalesce(OpenedOnUtc, :now)),
    OpenUntil = CASE WHEN ProbeToken = :token THEN :until ELSE max(coalesce(OpenUntil, :until), :until) END,
    Failures = min(Failures, 1000000) + (OpenUntil IS NULL OR ProbeToken IS :token),
    ProbeToken = CASE WHEN ProbeToken = :token THEN NULL ELSE ProbeToken END,
    Reason = :reason
WHERE Name = :name
