-- outbox_route_twin: a row if this row's Id was routed before, or enqueued with a destination. :seq
SELECT 1 FROM OutboxMessages AS o
WHERE o.Id = (SELECT Id FROM OutboxMessages WHERE Seq = :seq) AND o.Destination <> '' AND o.Seq <> :seq
LIMIT 1
