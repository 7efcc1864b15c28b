-- books_delete_client: a client without records goes. @id, @version
DELETE FROM dbo.Clients WHERE Id = @id AND Version = @version;
