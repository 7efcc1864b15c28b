-- outbox_route_sibling: adds rows for the further destinations, in the order of the events; ends the batch of routing.
DECLARE @siblings int;
INSERT dbo.OutboxMessages
       (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
SELECT o.Id, o.EventType, w.Destination, o.OrderingKey, o.ContentType, o.Payload, o.Headers, o.Subject,
       o.OccurredOnUtc, o.DueAt
  FROM @rows r
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = r.Seq
  JOIN @route w ON w.EventType = r.EventType AND w.Place > 0
 WHERE r.Twin = 0
 ORDER BY r.Seq, w.Place
OPTION (FORCE ORDER, LOOP JOIN);
SET @siblings = @@ROWCOUNT;
INSERT dbo.Destinations (Name)
SELECT DISTINCT w.Destination
  FROM @route w
 WHERE w.Destination IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM dbo.Destinations d WITH (UPDLOCK, HOLDLOCK) WHERE d.Name = w.Destination);
COMMIT TRAN;
SELECT @routed AS Routed, @siblings AS Siblings, @discarded AS Discarded, @duplicates AS Duplicates;
