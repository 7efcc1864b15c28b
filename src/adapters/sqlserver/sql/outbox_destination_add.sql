-- outbox_destination_add: makes sure there is a row to pause and to open. @name
INSERT dbo.Destinations (Name)
SELECT @name
 WHERE NOT EXISTS (SELECT 1 FROM dbo.Destinations WITH (UPDLOCK, HOLDLOCK) WHERE Name = @name);
