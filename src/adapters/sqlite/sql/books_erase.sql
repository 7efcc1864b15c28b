-- books_erase: records that a client was deleted; PruneOutbox removes what is left of them.
-- :subject, :now
INSERT INTO Erasures (Subject, OnUtc) VALUES (:subject, :now);
