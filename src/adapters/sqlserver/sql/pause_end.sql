-- pause_end: ends the pause and closes the breaker. Counts those that were paused or open. @names JSON [{n: name}]
UPDATE d
   SET PausedOnUtc = NULL, PausedUntilUtc = NULL, PausedBy = NULL, PausedReason = NULL,
       OpenUntil = NULL, OpenedOnUtc = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
  FROM dbo.Destinations d
 WHERE d.Name IN (SELECT j.n COLLATE Latin1_General_BIN2 FROM OPENJSON(@names) WITH (n nvarchar(300) '$.n') AS j)
   AND (d.PausedUntilUtc > @now OR d.OpenUntil IS NOT NULL);
DECLARE @changed int = @@ROWCOUNT;
