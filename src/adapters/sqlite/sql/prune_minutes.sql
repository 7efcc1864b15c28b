-- prune_minutes: deletes counts that are older than 25 hours. :before (now), :rows_max
DELETE FROM MinuteCounts
WHERE (MinuteUtc, Name, Bucket, Instance) IN (
  SELECT MinuteUtc, Name, Bucket, Instance FROM MinuteCounts
  WHERE MinuteUtc <= :before - 90000000
  ORDER BY MinuteUtc
  LIMIT :rows_max
)
