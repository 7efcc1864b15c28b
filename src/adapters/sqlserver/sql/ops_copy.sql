-- ops_copy: copies a sent row under a new id. OccurredOnUtc stays.
-- @new_id, @payload NULL for the original's, @headers: parameters, since Babelfish keeps the escapes of JSON in JSON
INSERT dbo.OutboxMessages
       (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
SELECT @new_id, o.EventType, o.Destination, o.OrderingKey, o.ContentType, COALESCE(@payload, o.Payload), @headers, o.Subject,
       o.OccurredOnUtc, @now
  FROM @in i
  JOIN dbo.OutboxMessages o ON o.Seq = i.Seq AND o.State = i.State;
INSERT @done (Seq)
SELECT i.Seq
  FROM @in i
  JOIN dbo.OutboxMessages o ON o.Seq = i.Seq
  JOIN dbo.OutboxMessages n ON n.Id = @new_id AND n.Destination = o.Destination;
