-- books_next_client_id: the id a new client gets; none is taken where the number is someone's already. @nip
-- A sequence never gives an id twice, so that of a deleted client does not come back.
IF NOT EXISTS (SELECT 1 FROM dbo.Clients WHERE NipNb = @nip)
  SELECT NEXT VALUE FOR dbo.ClientIds AS NextId;
