-- report_heartbeats: the last run of each timer function on each instance.
SELECT [Function], Instance, LastRunOnUtc, NextByUtc, Error FROM dbo.Heartbeats ORDER BY [Function], Instance;
