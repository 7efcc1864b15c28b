-- report_minutes: what all instances settled in each minute, by destination or provider and bucket. :since
SELECT MinuteUtc, Name, Bucket, sum(Count) AS Total
  FROM MinuteCounts
 WHERE MinuteUtc >= :since
 GROUP BY MinuteUtc, Name, Bucket;
