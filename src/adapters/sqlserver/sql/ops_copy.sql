-- ops_copy: new rows as sent ones were, under a new id. When they occurred stays.
-- @copies JSON [{s: Seq of the original, y: payload, null for the original's, h: headers}], @new_id
INSERT dbo.OutboxMessages
       (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
SELECT @new_id, o.EventType, o.Destination, o.OrderingKey, o.ContentType, COALESCE(j.y, o.Payload), j.h, o.Subject,
       o.OccurredOnUtc, @now
  FROM OPENJSON(@copies) WITH (s bigint '$.s', y nvarchar(max) '$.y', h nvarchar(max) '$.h') AS j
  JOIN dbo.OutboxMessages o ON o.Seq = j.s
  JOIN @in i ON i.Seq = o.Seq AND i.State = o.State
 ORDER BY o.Seq;
INSERT @done (Seq)
SELECT i.Seq
  FROM @in i
  JOIN dbo.OutboxMessages o ON o.Seq = i.Seq
  JOIN dbo.OutboxMessages n ON n.Id = @new_id AND n.Destination = o.Destination;
