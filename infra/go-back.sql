-- Back to the .NET system's own outbox (src/adapters/sqlserver/README.md, "Going back"). Stop this program first, everywhere; then start the old
-- processor. One transaction: an error undoes all of it. Run it whole: sqlcmd -b -I -i go-back.sql, or SSMS.
-- This program's tables stay: OutboxMessages_Left and refinery_schema_history_Left beside its other tables.
SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF;
SET IMPLICIT_TRANSACTIONS OFF;
SET NOCOUNT, XACT_ABORT ON;
SET LOCK_TIMEOUT 60000;
GO

BEGIN TRANSACTION;

IF OBJECT_ID(N'dbo.OutboxMessages_Legacy') IS NULL OR COL_LENGTH(N'dbo.OutboxMessages', N'Seq') IS NULL
BEGIN
  ROLLBACK TRANSACTION;
  THROW 51003, N'dbo.OutboxMessages_Legacy does not exist, so there is nothing to go back to: nothing was changed', 1;
END;

IF EXISTS (SELECT 1 FROM dbo.OutboxMessages WHERE State = 1 AND DueAt > SYSUTCDATETIME())
BEGIN
  ROLLBACK TRANSACTION;
  THROW 51003, N'a dispatcher has leased rows: stop it, wait a minute for its leases to end, and run this again', 1;
END;

-- One row per Id: a message may have several destinations. It is finished when no destination waits or is dead.
SELECT o.Id, MAX(TRY_CAST(o.Id AS uniqueidentifier)) AS Guid, MAX(o.EventType) AS EventType, MAX(o.Payload) AS Payload,
       MIN(o.OccurredOnUtc) AS OccurredOnUtc, MAX(o.RetryCount) AS RetryCount, MAX(o.LastError) AS LastError,
       MAX(o.ContentType) AS ContentType, MAX(o.ProcessedOnUtc) AS ProcessedOnUtc,
       MAX(CASE WHEN o.State IN (0, 1, 3) THEN 1 ELSE 0 END) AS Waits
  INTO #now
  FROM dbo.OutboxMessages AS o
 GROUP BY o.Id;

UPDATE l
   SET ProcessedOnUtc = CASE WHEN n.Waits = 0 THEN n.ProcessedOnUtc END, RetryCount = n.RetryCount, Error = n.LastError
  FROM dbo.OutboxMessages_Legacy AS l
  JOIN #now AS n ON n.Guid = l.Id
 WHERE l.ProcessedOnUtc IS NULL;

-- Plain rows that other programs inserted meanwhile and that were not sent. CloudEvents are this program's own format,
-- which the old processor cannot read: they stay behind.
INSERT dbo.OutboxMessages_Legacy (Id, EventType, Payload, OccurredOnUtc, ProcessedOnUtc, RetryCount, Error)
SELECT n.Guid, n.EventType, n.Payload, n.OccurredOnUtc, NULL, n.RetryCount, n.LastError
  FROM #now AS n
 WHERE n.Waits = 1 AND n.Guid IS NOT NULL AND n.ContentType = N'application/json'
   AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages_Legacy AS l WHERE l.Id = n.Guid);

IF SERVERPROPERTY('BabelfishVersion') IS NULL
  EXEC sp_rename N'dbo.PK_OutboxMessages', N'PK_OutboxMessages_Left', N'OBJECT';
EXEC sp_rename N'dbo.OutboxMessages', N'OutboxMessages_Left', N'OBJECT';
EXEC sp_rename N'dbo.refinery_schema_history', N'refinery_schema_history_Left', N'OBJECT';
EXEC sp_rename N'dbo.OutboxMessages_Legacy', N'OutboxMessages', N'OBJECT';
IF OBJECT_ID(N'dbo.PK_OutboxMessages_Legacy') IS NOT NULL
  EXEC sp_rename N'dbo.PK_OutboxMessages_Legacy', N'PK_OutboxMessages', N'OBJECT';

COMMIT TRANSACTION;
GO
