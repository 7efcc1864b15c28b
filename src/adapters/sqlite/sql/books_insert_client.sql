-- books_insert_client: a new client, with the id that the answer contains.
-- :id, :name, :address, :nip, :email, :language, :version
INSERT INTO Clients (Id, Name, Address, NipNb, Email, Language, Version)
VALUES (:id, :name, :address, :nip, :email, :language, :version);
