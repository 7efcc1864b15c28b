-- outbox_unrouted: the oldest rows of one event type that wait to be routed. :event_type, :rows_max
-- Queried per type, so that rows of types without a route cost nothing and do not delay others.
-- Only the oldest row of a key: a sibling gets its Seq when it is routed, so a later event must not be routed first.
SELECT o.Seq FROM OutboxMessages AS o
WHERE o.Destination = '' AND o.State < 2 AND o.State = 0 AND o.EventType = :event_type
  AND NOT EXISTS (
    SELECT 1 FROM OutboxMessages AS e
    WHERE e.Destination = '' AND e.OrderingKey = o.OrderingKey AND e.Seq < o.Seq AND e.ProcessedOnUtc IS NULL AND e.State < 2
  )
ORDER BY o.Seq
LIMIT :rows_max
