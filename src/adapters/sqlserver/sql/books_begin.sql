-- books_begin: begins the batch that writes what was decided.
BEGIN TRAN;
