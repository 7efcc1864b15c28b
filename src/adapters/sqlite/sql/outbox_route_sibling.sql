-- outbox_route_sibling: adds a row of the same event for a further destination. :seq, :destination
INSERT INTO OutboxMessages
  (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
SELECT Id, EventType, :destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt
FROM OutboxMessages WHERE Seq = :seq
