-- remember(:entity, :id, :until): inserts nothing when the id is in the window already.
INSERT INTO Seen (Entity, MessageId, Until) VALUES (:entity, :id, :until) ON CONFLICT DO NOTHING
