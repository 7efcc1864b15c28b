-- books_end: ends the batch that wrote what was decided.
COMMIT TRAN;
SELECT 0 AS Ended;
