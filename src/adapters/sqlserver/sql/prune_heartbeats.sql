-- prune_heartbeats: deletes those of a day ago, but for each timer's newest: that it no longer runs must be seen.
-- @days (0), @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
-- A function that runs less often than daily is not gone yet: its next run is not late.
DECLARE @before datetime2(7) = DATEADD(day, -1 - @days, @now);
DELETE t
  FROM dbo.Heartbeats t
  JOIN (SELECT TOP (@rows_max) [Function], Instance FROM dbo.Heartbeats AS h WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
         WHERE LastRunOnUtc <= @before AND NextByUtc <= @before
           AND ([Function] = N'dispatch' OR EXISTS (
             SELECT 1 FROM dbo.Heartbeats AS n WHERE n.[Function] = h.[Function] AND n.LastRunOnUtc > h.LastRunOnUtc))) AS old ON old.[Function] = t.[Function] AND old.Instance = t.Instance;
SELECT @@ROWCOUNT AS Done;
