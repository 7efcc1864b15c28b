-- books_guard_one: checks that the change met one row, of the version we decided by. Else ends the batch with 3.
IF @@ROWCOUNT <> 1
BEGIN
  ROLLBACK TRAN;
  SELECT 3 AS Ended;
  RETURN;
END;
