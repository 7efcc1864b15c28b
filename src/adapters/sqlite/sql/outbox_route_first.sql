-- outbox_route_first: the row itself gets the first destination of its route. :seq, :destination
UPDATE OutboxMessages SET Destination = :destination WHERE Seq = :seq AND Destination = '' AND State = 0
