-- pause_begin: nothing is claimed until then. Counts those that were not paused so already.
-- @names JSON [{n: name}], @for_s and @for_ms how long, NULL until resumed, @actor, @reason
-- @drain 1: a pause that is there stays as it is
-- One that only rows name is stored first.
INSERT dbo.Destinations (Name)
SELECT DISTINCT j.n COLLATE Latin1_General_BIN2
  FROM OPENJSON(@names) WITH (n nvarchar(300) '$.n') AS j
 WHERE NOT EXISTS (SELECT 1 FROM dbo.Destinations e WITH (UPDLOCK, HOLDLOCK) WHERE e.Name = j.n COLLATE Latin1_General_BIN2);
DECLARE @until datetime2(7) = COALESCE(DATEADD(millisecond, @for_ms, DATEADD(second, @for_s, @now)), '9999-12-31T23:59:59');
UPDATE d
   SET PausedOnUtc = CASE WHEN d.PausedUntilUtc > @now THEN d.PausedOnUtc ELSE @now END, PausedUntilUtc = @until,
       PausedBy = @actor, PausedReason = @reason
  FROM dbo.Destinations d
 WHERE d.Name IN (SELECT j.n COLLATE Latin1_General_BIN2 FROM OPENJSON(@names) WITH (n nvarchar(300) '$.n') AS j)
   AND (d.PausedUntilUtc IS NULL OR d.PausedUntilUtc <= @now OR (@drain = 0 AND d.PausedUntilUtc <> @until));
DECLARE @changed int = @@ROWCOUNT;
