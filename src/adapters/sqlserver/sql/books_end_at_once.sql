-- books_end_at_once: ends the batch of a first booking; answers the id it gave.
COMMIT TRAN;
SELECT 0 AS Ended, @id AS NextId;
