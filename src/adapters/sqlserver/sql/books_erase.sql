-- books_erase: records that a client was deleted; PruneOutbox removes what is left of them. @subject
INSERT dbo.Erasures (Subject, OnUtc) VALUES (@subject, @now);
