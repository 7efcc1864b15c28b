-- books_client: one client.
-- :id
SELECT Id AS ClientKey, Name, Address, NipNb, Email, Language, Version FROM Clients WHERE Id = :id;
