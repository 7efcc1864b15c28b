-- books_next_client_id: the id for a new client; no id is used up if the tax number is taken already. @nip
-- A sequence never returns an id twice, so the id of a deleted client does not come back.
IF NOT EXISTS (SELECT 1 FROM dbo.Clients WHERE NipNb = @nip)
  SELECT NEXT VALUE FOR dbo.ClientIds AS NextId;
