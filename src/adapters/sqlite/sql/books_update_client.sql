-- books_update_client: replaces a client.
-- :id, :name, :address, :nip, :email, :language, :version
UPDATE Clients SET Name = :name, Address = :address, NipNb = :nip, Email = :email, Language = :language, Version = :version WHERE Id = :id;
