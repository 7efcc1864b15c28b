-- outbox_destination_add: makes sure there is a row to pause and to open. :name
INSERT OR IGNORE INTO Destinations (Name) VALUES (:name)
