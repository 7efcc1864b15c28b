-- Refuses a database where others bear our names, and sets the OutboxMessages table of the .NET system aside, whole, as
-- OutboxMessages_Legacy (V4 copies its rows). One transaction with the rest: a failure leaves the old table in place.
-- Why renamed and not altered: migrate_legacy.rs.
IF COL_LENGTH(N'dbo.OutboxMessages', N'Seq') IS NULL
BEGIN
  DECLARE @found nvarchar(max);
  DECLARE @why nvarchar(2048);

  SET @found = (SELECT STRING_AGG(CAST(o.name AS nvarchar(max)), N', ')
                  FROM sys.objects AS o
                 WHERE o.schema_id = SCHEMA_ID(N'dbo')
                   AND o.name IN (N'Clients', N'FinancialRecords', N'Destinations', N'IdempotencyKeys', N'InboxMessages',
                                  N'OperatorActions', N'ClientIds', N'RecordIds', N'OutboxMessages_Legacy'));
  IF @found IS NOT NULL
  BEGIN
    SET @why = LEFT(CONCAT(N'this database has tables of our names that are not ours (dbo: ', @found, N'). Nothing was ',
      N'changed. Only OutboxMessages can be taken over: name another database, or rename these'), 2000);
    THROW 51001, @why, 1;
  END;

  IF OBJECT_ID(N'dbo.OutboxMessages') IS NOT NULL
  BEGIN
    -- Any other column would be one that its programs write, and could not write afterwards.
    SET @found = (SELECT STRING_AGG(CAST(CONCAT(c.name, N' ', TYPE_NAME(c.user_type_id)) AS nvarchar(max)), N', ')
                           WITHIN GROUP (ORDER BY c.name)
                    FROM sys.columns AS c
                   WHERE c.object_id = OBJECT_ID(N'dbo.OutboxMessages'));
    IF @found <> CONCAT(N'Error nvarchar, EventType nvarchar, Id uniqueidentifier, OccurredOnUtc datetime2, ',
                        N'Payload nvarchar, ProcessedOnUtc datetime2, RetryCount int')
    BEGIN
      SET @why = LEFT(CONCAT(N'dbo.OutboxMessages is not the table that can be taken over. Nothing was changed. Expected: ',
        N'Error nvarchar, EventType nvarchar, Id uniqueidentifier, OccurredOnUtc datetime2, Payload nvarchar, ',
        N'ProcessedOnUtc datetime2, RetryCount int; found: ', @found), 2000);
      THROW 51001, @why, 1;
    END;

    -- They would stay with the old rows, and whoever counts on them would not be told.
    SET @found = (SELECT STRING_AGG(CAST(s.name AS nvarchar(max)), N', ')
                    FROM (SELECT name FROM sys.triggers WHERE parent_id = OBJECT_ID(N'dbo.OutboxMessages')
                          UNION ALL
                          SELECT name FROM sys.foreign_keys
                           WHERE referenced_object_id = OBJECT_ID(N'dbo.OutboxMessages')) AS s);
    IF @found IS NOT NULL
    BEGIN
      SET @why = LEFT(CONCAT(N'dbo.OutboxMessages has triggers, or foreign keys that point to it: ', @found,
        N'. Nothing was changed. Drop them first: they cannot come along'), 2000);
      THROW 51001, @why, 1;
    END;

  END;
END;

-- The checks end here: `migrate --dry-run` runs what is above.
IF OBJECT_ID(N'dbo.OutboxMessages') IS NOT NULL AND COL_LENGTH(N'dbo.OutboxMessages', N'Seq') IS NULL
BEGIN
  EXEC sp_rename N'dbo.OutboxMessages', N'OutboxMessages_Legacy', N'OBJECT';
  -- EF's own name for its key, and ours. Babelfish cannot rename a key.
  IF EXISTS (SELECT 1 FROM sys.key_constraints
              WHERE name = N'PK_OutboxMessages' AND parent_object_id = OBJECT_ID(N'dbo.OutboxMessages_Legacy'))
  BEGIN
    IF SERVERPROPERTY('BabelfishVersion') IS NULL
      EXEC sp_rename N'dbo.PK_OutboxMessages', N'PK_OutboxMessages_Legacy', N'OBJECT';
    ELSE
      EXEC sp_executesql N'ALTER TABLE dbo.OutboxMessages_Legacy DROP CONSTRAINT PK_OutboxMessages';
  END;
END;
