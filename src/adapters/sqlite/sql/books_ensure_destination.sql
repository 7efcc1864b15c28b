-- books_ensure_destination: a row for a destination that has none yet: not paused, breaker closed.
-- :name
INSERT INTO Destinations (Name) VALUES (:name) ON CONFLICT (Name) DO NOTHING;
