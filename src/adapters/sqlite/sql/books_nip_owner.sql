-- books_nip_owner: the client that holds a tax number.
-- :nip
SELECT Id AS NipOwner FROM Clients WHERE NipNb = :nip;
