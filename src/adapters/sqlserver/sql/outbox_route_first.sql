-- outbox_route_first: the row itself goes to its route's first destination.
DECLARE @routed int;
UPDATE t
   SET Destination = w.Destination
  FROM dbo.OutboxMessages t
  JOIN @rows r ON r.Seq = t.Seq
  JOIN @route w ON w.EventType = r.EventType AND w.Place = 0
 WHERE r.Twin = 0 AND w.Destination IS NOT NULL;
SET @routed = @@ROWCOUNT;
