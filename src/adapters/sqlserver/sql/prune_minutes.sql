-- prune_minutes: deletes counts that are older than 25 hours. @days (0), @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(hour, -25, DATEADD(day, -@days, @now));
DELETE t
  FROM dbo.MinuteCounts t
  JOIN (SELECT TOP (@rows_max) MinuteUtc, Name, Bucket, Instance FROM dbo.MinuteCounts WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
         WHERE MinuteUtc <= @before
         ORDER BY MinuteUtc) AS old ON old.MinuteUtc = t.MinuteUtc AND old.Name = t.Name AND old.Bucket = t.Bucket AND old.Instance = t.Instance;
SELECT @@ROWCOUNT AS Done;
