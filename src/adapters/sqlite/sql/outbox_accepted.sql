-- outbox_accepted: the destination took something just now. :destination, :now
UPDATE Destinations SET LastAcceptedOnUtc = :now WHERE Name = :destination
