-- books_insert_client: a new client, with the id of the answer. @id, @name, @address, @nip, @email, @language, @version
INSERT dbo.Clients (Id, Name, Address, NipNb, Email, Language, Version)
VALUES (@id, @name, @address, @nip, @email, @language, @version);
