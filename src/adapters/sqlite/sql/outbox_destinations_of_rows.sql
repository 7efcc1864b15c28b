-- outbox_destinations_of_rows: a program's own insert may name a destination that no setting does.
INSERT OR IGNORE INTO Destinations (Name)
SELECT DISTINCT Destination FROM OutboxMessages WHERE State < 2 AND Destination > ''
