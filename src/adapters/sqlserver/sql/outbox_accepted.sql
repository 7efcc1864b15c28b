-- outbox_accepted: the destination has just accepted a message. @destination
-- A repeat, or a settle that lost all its leases, must not count an outage or an acceptance (again).
DECLARE @news int = CASE WHEN EXISTS (SELECT 1 FROM @done) OR NOT EXISTS (SELECT 1 FROM @in) THEN 1 ELSE 0 END;
IF EXISTS (SELECT 1 FROM @done d JOIN @in i ON i.Seq = d.Seq WHERE i.Kind = 0)
BEGIN
  INSERT dbo.Destinations (Name)
  SELECT @destination
   WHERE NOT EXISTS (SELECT 1 FROM dbo.Destinations WITH (UPDLOCK, HOLDLOCK) WHERE Name = @destination);
  UPDATE dbo.Destinations SET LastAcceptedOnUtc = @now WHERE Name = @destination;
END;
