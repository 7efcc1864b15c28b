-- remedy_copy: copies a sent row under a new id. OccurredOnUtc stays.
-- :seq of the original, :new_id, :payload NULL for the original's bytes, :headers, :now
INSERT INTO OutboxMessages
       (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, OccurredOnUtc, DueAt)
SELECT :new_id, EventType, Destination, OrderingKey, ContentType, coalesce(:payload, Payload), :headers, Subject,
       OccurredOnUtc, :now
  FROM OutboxMessages
 WHERE Seq = :seq;
