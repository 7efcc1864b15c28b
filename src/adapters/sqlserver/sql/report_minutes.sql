-- report_minutes: what was settled in each minute by destination or provider: counts by bucket, as "20:7,-1:2". @minutes back
-- A bucket may occur more than once: each instance counts for itself. Within a day there are tens of thousands of
-- counts, so they leave the database as one text for each minute: nvarchar(max), since a shorter one ends at 8,000 bytes.
SELECT MinuteUtc, Name, STRING_AGG(CAST(CONCAT(Bucket, ':', Count) AS nvarchar(max)), ',') AS Counts
  FROM dbo.MinuteCounts
 WHERE MinuteUtc >= DATEADD(minute, -@minutes, @now)
 GROUP BY MinuteUtc, Name
 ORDER BY MinuteUtc, Name;
