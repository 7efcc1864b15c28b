-- books_clients: a page of clients by id.
-- :after the last id of the page before; :limit
SELECT Id, Name, Address, NipNb, Email, Version FROM Clients WHERE Id > :after ORDER BY Id LIMIT :limit;
