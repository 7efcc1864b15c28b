-- books_clients: a page of clients by id. @after the last id of the page before; @limit
SELECT TOP (@limit) Id AS ClientKey, Name, Address, NipNb, Email, Language, Version FROM dbo.Clients WHERE Id > @after ORDER BY Id;
