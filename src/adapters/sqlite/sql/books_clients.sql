-- books_clients: a page of clients by id.
-- :after the last id of the page before; :limit
SELECT Id AS ClientKey, Name, Address, NipNb, Email, Language, Version FROM Clients WHERE Id > :after ORDER BY Id LIMIT :limit;
