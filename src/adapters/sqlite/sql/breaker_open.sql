-- breaker_open: never shortens what another found. :name, :token, :until, :reason
-- Our own probe's end is replaced, not kept: it was a lease, and says nothing of the destination.
-- Counted once per outage and probe: what a second dispatcher learns of the same outage is no further failure.
UPDATE Destinations
SET OpenUntil = CASE WHEN ProbeToken = :token THEN :until ELSE max(coalesce(OpenUntil, :until), :until) END,
    Failures = min(Failures, 1000000) + (OpenUntil IS NULL OR ProbeToken IS :token),
    ProbeToken = CASE WHEN ProbeToken = :token THEN NULL ELSE ProbeToken END,
    Reason = :reason
WHERE Name = :name
