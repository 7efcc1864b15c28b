-- remedy_copy: copies a row under a new id. OccurredOnUtc stays.
-- The original's Seq, the new id, the payload (NULL: the original's) and the headers are parameters, numbered per copy.
INSERT dbo.OutboxMessages
       (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
SELECT @new_id, o.EventType, o.Destination, o.OrderingKey, o.ContentType, COALESCE(@payload, o.Payload), @headers, o.Subject,
       o.OccurredOnUtc, @now
  FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages))
 WHERE o.Seq = @seq;
