-- books_insert_client: a new client under the id its answer names. @id, @name, @address, @nip, @email, @language, @version
INSERT dbo.Clients (Id, Name, Address, NipNb, Email, Language, Version)
VALUES (@id, @name, @address, @nip, @email, @language, @version);
