-- books_update_client: a client replaced.
-- :id, :name, :address, :nip, :email, :version
UPDATE Clients SET Name = :name, Address = :address, NipNb = :nip, Email = :email, Version = :version WHERE Id = :id;
