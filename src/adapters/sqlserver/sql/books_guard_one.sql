-- books_guard_one: the change met one row of the version we decided by. Ends the batch with 3 where it did not.
IF @@ROWCOUNT <> 1
BEGIN
  ROLLBACK TRAN;
  SELECT 3 AS Ended;
  RETURN;
END;
