-- outbox_destination_add: adds a missing row, whose pause and breaker can then be set. :name
INSERT OR IGNORE INTO Destinations (Name) VALUES (:name)
