-- outbox_route_twin: was this row's Id routed before, or enqueued with a destination of its own? :seq
SELECT 1 FROM OutboxMessages AS o
WHERE o.Id = (SELECT Id FROM OutboxMessages WHERE Seq = :seq) AND o.Destination <> '' AND o.Seq <> :seq
LIMIT 1
