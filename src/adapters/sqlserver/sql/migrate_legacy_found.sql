-- migrate_legacy_found: is there an OutboxMessages that is not ours?
SELECT CASE WHEN COL_LENGTH(N'dbo.OutboxMessages', N'ProcessedOnUtc') IS NOT NULL
             AND COL_LENGTH(N'dbo.OutboxMessages', N'Seq') IS NULL THEN 1 ELSE 0 END AS Legacy;
