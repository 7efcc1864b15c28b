-- report_minutes: what all instances settled in each minute, by destination or provider and bucket. @minutes back
SELECT MinuteUtc, Name, Bucket, SUM(Count) AS Total
  FROM dbo.MinuteCounts
 WHERE MinuteUtc >= DATEADD(minute, -@minutes, @now)
 GROUP BY MinuteUtc, Name, Bucket;
