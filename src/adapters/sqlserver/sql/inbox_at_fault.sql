-- inbox_at_fault: marks the provider as at fault for refusals of this kind, until it takes a mail; ends the batch.
-- @provider, @alike, @back how many mails were taken back
IF @back > 0
  UPDATE dbo.Destinations SET RefusedAlike = @alike WHERE Name = @provider;
IF @back > 0 AND @@ROWCOUNT = 0
  INSERT dbo.Destinations (Name, RefusedAlike) VALUES (@provider, @alike);
COMMIT TRAN;
SELECT @back AS Back;
