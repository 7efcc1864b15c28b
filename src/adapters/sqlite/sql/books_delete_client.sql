-- books_delete_client: deletes a client without records.
-- :id
DELETE FROM Clients WHERE Id = :id;
