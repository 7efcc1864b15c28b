-- books_enqueue: a message's rows, one per destination in the order of the route; '' waits for routing.
-- @message_id, @event_type, @destinations JSON of names, @ordering_key, @content_type, @payload, @headers JSON, @subject,
-- @occurred_on by the application's clock; due times by the database's, which also judges them
INSERT dbo.OutboxMessages
       (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
SELECT @message_id, @event_type, j.d, @ordering_key, @content_type, @payload, @headers, @subject, @occurred_on, @now
  FROM OPENJSON(@destinations) WITH (n int '$.n', d nvarchar(300) '$.d') AS j
 ORDER BY j.n;
