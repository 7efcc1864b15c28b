-- outbox_accepted: the destination has just accepted a message. :destination, :now
UPDATE Destinations SET LastAcceptedOnUtc = :now WHERE Name = :destination
