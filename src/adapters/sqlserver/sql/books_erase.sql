-- books_erase: a client is gone; PruneOutbox removes what is left of them. @subject
INSERT dbo.Erasures (Subject, OnUtc) VALUES (@subject, @now);
