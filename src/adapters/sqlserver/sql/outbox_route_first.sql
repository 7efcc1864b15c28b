-- outbox_route_first: the row itself gets the first destination of its route.
DECLARE @routed int;
UPDATE t
   SET Destination = w.Destination
  FROM @rows r
  JOIN @route w ON w.EventType = r.EventType AND w.Place = 0
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = r.Seq
 WHERE r.Twin = 0 AND w.Destination IS NOT NULL
OPTION (FORCE ORDER, LOOP JOIN);
SET @routed = @@ROWCOUNT;
