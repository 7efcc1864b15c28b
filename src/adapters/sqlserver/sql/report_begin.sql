-- report_begin: begins a report, which must not wait for locks of others.
-- With row versions (RCSI) it reads committed data. Without them a committed read would wait behind every writer, so it
-- also reads uncommitted data.
IF EXISTS (SELECT 1 FROM sys.databases WHERE database_id = DB_ID() AND is_read_committed_snapshot_on = 0)
  SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;
