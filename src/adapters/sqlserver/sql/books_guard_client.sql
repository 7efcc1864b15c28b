-- books_guard_client: checks that the client has not changed since we decided, and locks it until the commit.
-- @client, @client_version. Ends the batch with 3 if it changed.
IF NOT EXISTS (SELECT 1 FROM dbo.Clients WITH (REPEATABLEREAD) WHERE Id = @client AND Version = @client_version)
BEGIN
  ROLLBACK TRAN;
  SELECT 3 AS Ended;
  RETURN;
END;
