-- migrate_where: which database this is, and whether it was ever migrated.
SELECT CAST(DB_NAME() AS nvarchar(128)) AS DatabaseName, CAST(@@SERVERNAME AS nvarchar(128)) AS ServerName,
       (SELECT COUNT(*) FROM sys.tables
         WHERE name = N'refinery_schema_history' AND schema_id = SCHEMA_ID(N'dbo')) AS Known;
