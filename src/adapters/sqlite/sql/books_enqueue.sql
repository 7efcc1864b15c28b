-- books_enqueue: a message's row for one destination.
-- :id, :event_type, :destination '' where routing decides later, :ordering_key, :content_type, :payload, :headers JSON,
-- :subject, :occurred_on by the application's clock, :now by the database's, which also judges due times
INSERT INTO OutboxMessages
       (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
VALUES (:id, :event_type, :destination, :ordering_key, :content_type, :payload, :headers, :subject, :occurred_on, :now);
