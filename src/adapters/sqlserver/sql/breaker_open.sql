-- breaker_open: never shortens a time that another set. @news 0: nothing new is known; @name, @token, @for_ms, @reason
-- The end of our own probe is replaced, not kept: it was a lease, and does not describe the destination.
-- Counted once per outage and probe: a second dispatcher that meets the same outage does not count another failure.
INSERT dbo.Destinations (Name)
SELECT @name
 WHERE @news = 1 AND NOT EXISTS (SELECT 1 FROM dbo.Destinations WITH (UPDLOCK, HOLDLOCK) WHERE Name = @name);
DECLARE @until datetime2(7) = DATEADD(millisecond, @for_ms, @now);
UPDATE d
   SET OpenedOnUtc = CASE WHEN d.OpenUntil IS NULL THEN @now ELSE COALESCE(d.OpenedOnUtc, @now) END,
       OpenUntil = CASE WHEN d.ProbeToken = @token OR d.OpenUntil IS NULL OR d.OpenUntil < @until THEN @until
                        ELSE d.OpenUntil END,
       Failures = CASE WHEN d.Failures > 1000000 THEN 1000000 ELSE d.Failures END
                  + CASE WHEN d.OpenUntil IS NULL OR d.ProbeToken = @token THEN 1 ELSE 0 END,
       ProbeToken = CASE WHEN d.ProbeToken = @token THEN NULL ELSE d.ProbeToken END,
       Reason = @reason
  FROM dbo.Destinations d
 WHERE @news = 1 AND d.Name = @name;
