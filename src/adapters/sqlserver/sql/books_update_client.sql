-- books_update_client: replaces a client. @id, @name, @address, @nip, @email, @language, @version the new one
UPDATE dbo.Clients
   SET Name = @name, Address = @address, NipNb = @nip, Email = @email, Language = @language, Version = @version
 WHERE Id = @id AND Version = @version - 1;
