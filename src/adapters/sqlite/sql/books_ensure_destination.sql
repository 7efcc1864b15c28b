-- books_ensure_destination: adds a missing row for a destination: not paused, breaker closed.
-- :name
INSERT INTO Destinations (Name) VALUES (:name) ON CONFLICT (Name) DO NOTHING;
