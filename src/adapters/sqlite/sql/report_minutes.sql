-- report_minutes: what was settled in each minute by destination or provider: counts by bucket, as "20:7,-1:2". :since
-- A bucket may occur more than once: each instance counts for itself. Within a day there are tens of thousands of
-- counts, so they leave the database as one text for each minute.
SELECT MinuteUtc, Name, group_concat(Bucket || ':' || Count) AS Counts
  FROM MinuteCounts
 WHERE MinuteUtc >= :since
 GROUP BY MinuteUtc, Name
 ORDER BY MinuteUtc, Name;
