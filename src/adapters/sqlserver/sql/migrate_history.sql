-- migrate_history: what was applied, as refinery keeps it.
SELECT version, name, applied_on, checksum FROM dbo.refinery_schema_history ORDER BY version;
