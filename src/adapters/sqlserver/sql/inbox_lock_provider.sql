-- inbox_lock_provider: locks the provider's row, so that one refusal of a kind is settled at a time: each counts those
-- before it. Before the mail's own row is locked, in the same order as leases. @at the provider
UPDATE dbo.Destinations SET Failures = Failures WHERE Name = @at;
IF @@ROWCOUNT = 0
  INSERT dbo.Destinations (Name) VALUES (@at);
