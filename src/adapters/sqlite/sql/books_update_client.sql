-- books_update_client: a client replaced.
-- :id, :name, :address, :nip, :email, :language, :version
UPDATE Clients SET Name = :name, Address = :address, NipNb = :nip, Email = :email, Language = :language, Version = :version WHERE Id = :id;
