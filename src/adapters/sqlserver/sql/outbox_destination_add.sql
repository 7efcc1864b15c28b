-- outbox_destination_add: adds a missing row, whose pause and breaker can then be set. @name
INSERT dbo.Destinations (Name)
SELECT @name
 WHERE NOT EXISTS (SELECT 1 FROM dbo.Destinations WITH (UPDLOCK, HOLDLOCK) WHERE Name = @name);
