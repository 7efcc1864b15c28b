-- What only SQL Server and Azure SQL know; Babelfish would refuse it, so it is said as text. Both are speed alone.

-- A claim of 2,000 rows must not lock the whole table.
IF SERVERPROPERTY('BabelfishVersion') IS NULL
  EXEC sp_executesql N'ALTER TABLE dbo.OutboxMessages SET (LOCK_ESCALATION = DISABLE)';

-- From SQL Server 2019 on, and in Azure SQL, which calls itself version 12: inserts do not queue for the last page.
IF SERVERPROPERTY('BabelfishVersion') IS NULL
   AND (CAST(SERVERPROPERTY('EngineEdition') AS int) IN (5, 8) OR CAST(SERVERPROPERTY('ProductMajorVersion') AS int) >= 15)
  EXEC sp_executesql N'ALTER INDEX PK_OutboxMessages ON dbo.OutboxMessages SET (OPTIMIZE_FOR_SEQUENTIAL_KEY = ON)';
