-- outbox_unrouted: the oldest rows of one event type that wait to be routed. :event_type, :rows_max
-- Asked per type, so that rows of types nobody routes cost nothing and starve nobody.
SELECT Seq FROM OutboxMessages
WHERE Destination = '' AND State < 2 AND State = 0 AND EventType = :event_type
ORDER BY Seq
LIMIT :rows_max
