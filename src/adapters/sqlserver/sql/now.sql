-- now: the database's clock, which judges leases and due times; begins every batch that needs it.
-- @skew_s, @skew_ms: 0 in production
DECLARE @now datetime2(7) = DATEADD(second, @skew_s, DATEADD(millisecond, @skew_ms, SYSUTCDATETIME()));
