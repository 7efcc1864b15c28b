-- outbox_destinations_of_rows: adds rows for destinations that only another program's insert names.
INSERT OR IGNORE INTO Destinations (Name)
SELECT DISTINCT Destination FROM OutboxMessages WHERE State < 2 AND Destination > ''
