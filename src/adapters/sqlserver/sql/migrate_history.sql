-- migrate_history: the applied migrations, as refinery stores them.
SELECT version, name, applied_on, checksum FROM dbo.refinery_schema_history ORDER BY version;
