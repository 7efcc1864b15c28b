-- minute_count: adds to this minute's counts.
-- @counted: Bucket, or SinceUtc when it began, which is a latency; @at the destination or mail provider, @instance
-- The bucket of a latency as in domain/latency.rs. A difference in milliseconds is an int: those over 20 days are taken
-- in minutes. 1E-9: LOG(8) / LOG(2) may be more than 3.
DECLARE @minute datetime2(7) = DATEADD(minute, DATEDIFF(minute, CAST('2000-01-01' AS datetime2(7)), @now), CAST('2000-01-01' AS datetime2(7)));
DECLARE @counts TABLE (Bucket int NOT NULL PRIMARY KEY, Added bigint NOT NULL);
INSERT @counts (Bucket, Added)
SELECT b.Bucket, COUNT_BIG(*)
  FROM (SELECT COALESCE(m.Bucket, CAST(CEILING(4 * LOG(m.Ms) / LOG(2) - 1E-9) AS int)) AS Bucket
          FROM (SELECT c.Bucket,
                       CASE WHEN c.SinceUtc IS NULL OR c.SinceUtc >= DATEADD(millisecond, -2, @now) THEN 1E0
                            WHEN c.SinceUtc >= DATEADD(day, -20, @now) THEN 1E0 * DATEDIFF(millisecond, c.SinceUtc, @now)
                            ELSE 6E4 * DATEDIFF(minute, c.SinceUtc, @now) END AS Ms
                  FROM @counted c) AS m) AS b
 GROUP BY b.Bucket;
INSERT dbo.MinuteCounts (MinuteUtc, Name, Bucket, Instance, Count)
SELECT @minute, @at, c.Bucket, @instance, 0
  FROM @counts c
 WHERE NOT EXISTS (SELECT 1 FROM dbo.MinuteCounts k WITH (UPDLOCK, HOLDLOCK, FORCESEEK, INDEX(PK_MinuteCounts))
                    WHERE k.MinuteUtc = @minute AND k.Name = @at AND k.Bucket = c.Bucket AND k.Instance = @instance);
UPDATE k
   SET Count = k.Count + c.Added
  FROM @counts c
  JOIN dbo.MinuteCounts k WITH (FORCESEEK, INDEX(PK_MinuteCounts))
    ON k.MinuteUtc = @minute AND k.Name = @at AND k.Bucket = c.Bucket AND k.Instance = @instance
OPTION (FORCE ORDER, LOOP JOIN);
