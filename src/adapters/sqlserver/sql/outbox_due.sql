-- outbox_due: what is due per destination; the only query of an idle dispatcher. @types JSON [{t: a routed event type}]
-- Each booking runs it, by the nudge, also in an outage: so it costs the same for any backlog. It steps from one
-- destination to the next in IX_Outbox_Due, and counts up to 10 rows of each.
-- Destination '' means that there is a row to route. Searched per type: rows of types without a route cost nothing.
-- Only the oldest unrouted row of a key can be routed.
-- READPAST: another program's long transaction over one row must not delay the answer for all others. Pause and breaker
-- may be read dirty: the claim checks them again.
DECLARE @known TABLE (Destination nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, Waiting bigint NOT NULL, Suspects int NOT NULL);
DECLARE @name nvarchar(300);
SELECT TOP (1) @name = Destination
  FROM dbo.OutboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Due))
 WHERE State < 2 AND Destination > N'' ORDER BY Destination;
WHILE @name IS NOT NULL
BEGIN
  INSERT @known (Destination, Waiting, Suspects)
  SELECT @name,
         (SELECT COUNT_BIG(*)
            FROM (SELECT TOP (10) Seq FROM dbo.OutboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Due))
                   WHERE State < 2 AND Destination = @name AND DueAt <= @now) AS w),
         (SELECT COUNT(*)
            FROM (SELECT TOP (10) Seq FROM dbo.OutboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Suspect))
                   WHERE State < 2 AND Claims >= 2 AND Destination = @name AND DueAt <= @now) AS s);
  -- A SELECT without a row would leave @name as it is.
  SET @name = (SELECT TOP (1) Destination
                 FROM dbo.OutboxMessages WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Due))
                WHERE State < 2 AND Destination > @name ORDER BY Destination);
END;
SELECT N'' AS Destination, CAST(1 AS bigint) AS Waiting, 0 AS Suspects, 0 AS Missing, 0 AS Paused,
       CAST(NULL AS datetime2(7)) AS OpenUntil, @now AS CurrentUtc
 WHERE EXISTS (SELECT 1 FROM OPENJSON(@types) WITH (t nvarchar(200) '$.t') AS r
                 JOIN dbo.OutboxMessages o WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Unrouted)) ON o.EventType = r.t COLLATE Latin1_General_BIN2
                WHERE o.Destination = N'' AND o.State < 2 AND o.State = 0
                  AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages b WITH (READUNCOMMITTED, FORCESEEK, INDEX(IX_Outbox_Key))
                                   WHERE b.State < 2 AND b.Destination = N'' AND b.OrderingKey = o.OrderingKey AND b.Seq < o.Seq))
UNION ALL
SELECT w.Destination, w.Waiting, w.Suspects, CASE WHEN d.Name IS NULL THEN 1 ELSE 0 END AS Missing,
       CASE WHEN d.PausedUntilUtc > @now THEN 1 ELSE 0 END AS Paused, d.OpenUntil, @now AS CurrentUtc
  FROM @known AS w
  LEFT JOIN dbo.Destinations d WITH (READUNCOMMITTED) ON d.Name = w.Destination
 WHERE w.Waiting > 0
 ORDER BY Destination;
