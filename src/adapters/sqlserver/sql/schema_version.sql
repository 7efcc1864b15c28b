-- schema_version: the version that `migrate` applied last.
SELECT COALESCE(MAX(version), 0) AS Version FROM dbo.refinery_schema_history;
