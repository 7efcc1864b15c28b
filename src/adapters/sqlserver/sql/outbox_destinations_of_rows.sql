-- outbox_destinations_of_rows: adds rows for destinations that only another program's insert names.
INSERT dbo.Destinations (Name)
SELECT DISTINCT o.Destination
  FROM dbo.OutboxMessages o WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
 WHERE o.State < 2 AND o.Destination > N''
   AND NOT EXISTS (SELECT 1 FROM dbo.Destinations d WITH (UPDLOCK, HOLDLOCK) WHERE d.Name = o.Destination);
