-- ops_report: begins a report, which must answer while others hold locks: it waits for none.
-- With row versions (RCSI) it reads what was committed. Without, a committed read would wait behind every writer: there it
-- reads also what is not committed yet.
IF EXISTS (SELECT 1 FROM sys.databases WHERE database_id = DB_ID() AND is_read_committed_snapshot_on = 0)
  SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;
