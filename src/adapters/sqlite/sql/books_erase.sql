-- books_erase: a client is gone; PruneOutbox removes what is left of them.
-- :subject, :now
INSERT INTO Erasures (Subject, OnUtc) VALUES (:subject, :now);
