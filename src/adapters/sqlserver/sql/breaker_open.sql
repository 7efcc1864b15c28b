-- breaker_open: never shortens what another found. @news 0: nothing was learnt; @name, @token, @for_ms, @reason
-- Our own probe's end is replaced, not kept: it was a lease, and says nothing of the destination.
-- Counted once per outage and probe: what a second dispatcher learns of the same outage is no further failure.
INSERT dbo.Destinations (Name)
SELECT @name
 WHERE @news = 1 AND NOT EXISTS (SELECT 1 FROM dbo.Destinations WITH (UPDLOCK, HOLDLOCK) WHERE Name = @name);
DECLARE @until datetime2(7) = DATEADD(millisecond, @for_ms, @now);
UPDATE d
   SET OpenUntil = CASE WHEN d.ProbeToken = @token OR d.OpenUntil IS NULL OR d.OpenUntil < @until THEN @until
                        ELSE d.OpenUntil END,
       Failures = CASE WHEN d.Failures > 1000000 THEN 1000000 ELSE d.Failures END
                  + CASE WHEN d.OpenUntil IS NULL OR d.ProbeToken = @token THEN 1 ELSE 0 END,
       ProbeToken = CASE WHEN d.ProbeToken = @token THEN NULL ELSE d.ProbeToken END,
       Reason = @reason
  FROM dbo.Destinations d
 WHERE @news = 1 AND d.Name = @name;
