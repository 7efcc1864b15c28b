-- outbox_route_first: the row itself goes to its route's first destination. :seq, :destination
UPDATE OutboxMessages SET Destination = :destination WHERE Seq = :seq AND Destination = '' AND State = 0
