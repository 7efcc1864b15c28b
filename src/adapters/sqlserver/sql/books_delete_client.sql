-- books_delete_client: deletes a client without records. @id, @version
DELETE FROM dbo.Clients WHERE Id = @id AND Version = @version;
