-- remember(:entity, :id, :until): records an id; inserts nothing if it is in the window already.
INSERT INTO Seen (Entity, MessageId, Until) VALUES (:entity, :id, :until) ON CONFLICT DO NOTHING
