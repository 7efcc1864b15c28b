-- migrate_where: the database's name, its compatibility level, and whether it was ever migrated.
SELECT CAST(DB_NAME() AS nvarchar(128)) AS DatabaseName, CAST(@@SERVERNAME AS nvarchar(128)) AS ServerName,
       (SELECT COUNT(*) FROM sys.tables
         WHERE name = N'refinery_schema_history' AND schema_id = SCHEMA_ID(N'dbo')) AS Known,
       -- Babelfish's level does not show what it supports.
       CASE WHEN SERVERPROPERTY('BabelfishVersion') IS NULL
            THEN (SELECT CAST(compatibility_level AS int) FROM sys.databases WHERE database_id = DB_ID())
       END AS CompatibilityLevel;
