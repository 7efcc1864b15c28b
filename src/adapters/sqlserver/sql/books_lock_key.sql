-- books_lock_key: one writer per idempotency key; an answer stored meanwhile is the answer. @lock, @key
-- Ends the batch with 1: another writer was busy for 2 s; 2: answered in the meantime.
-- The lock's name contains the database's, for servers whose locks are not per database.
DECLARE @got int, @resource nvarchar(255) = CONCAT(@lock, N' ', DB_NAME());
EXEC @got = sp_getapplock @Resource = @resource, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 2000;
IF @got < 0
BEGIN
  ROLLBACK TRAN;
  SELECT 1 AS Ended;
  RETURN;
END;
IF EXISTS (SELECT 1 FROM dbo.IdempotencyKeys WHERE [Key] = @key AND ExpiresOnUtc > @now)
BEGIN
  ROLLBACK TRAN;
  SELECT 2 AS Ended;
  RETURN;
END;
