-- books_client: one client. @id
SELECT Id AS ClientKey, Name, Address, NipNb, Email, Language, Version FROM dbo.Clients WHERE Id = @id;
