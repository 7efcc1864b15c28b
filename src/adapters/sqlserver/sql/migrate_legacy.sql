-- migrate_legacy: how much of the .NET system's table would be taken over.
SELECT COUNT_BIG(*) AS LegacyRows,
       COUNT_BIG(CASE WHEN ProcessedOnUtc IS NULL THEN 1 END) AS Waiting,
       COUNT_BIG(CASE WHEN ProcessedOnUtc IS NULL AND RetryCount > 0 THEN 1 END) AS Tried,
       MIN(CASE WHEN ProcessedOnUtc IS NULL THEN OccurredOnUtc END) AS Oldest
  FROM dbo.OutboxMessages;
