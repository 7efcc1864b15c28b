-- books_delete_client: a client without records goes.
-- :id
DELETE FROM Clients WHERE Id = :id;
