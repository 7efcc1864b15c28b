-- books_client: one client.
-- :id
SELECT Id, Name, Address, NipNb, Email, Version FROM Clients WHERE Id = :id;
