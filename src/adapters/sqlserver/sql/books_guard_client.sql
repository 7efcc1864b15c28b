-- books_guard_client: the client is as it was when we decided, and stays so until the commit.
-- @client, @client_version. Ends the batch with 3: it changed.
IF NOT EXISTS (SELECT 1 FROM dbo.Clients WITH (REPEATABLEREAD) WHERE Id = @client AND Version = @client_version)
BEGIN
  ROLLBACK TRAN;
  SELECT 3 AS Ended;
  RETURN;
END;
