-- inbox_at_fault: the provider is at fault by refusals of this kind, until it takes a mail; ends the batch.
-- @provider, @alike, @back how many mails were taken back
IF @back > 0
  UPDATE dbo.Destinations SET RefusedAlike = @alike WHERE Name = @provider;
IF @back > 0 AND @@ROWCOUNT = 0
  INSERT dbo.Destinations (Name, RefusedAlike) VALUES (@provider, @alike);
COMMIT TRAN;
SELECT @back AS Back;
