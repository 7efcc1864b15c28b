-- outbox_destinations_of_rows: a program's own insert may name a destination that no setting does.
INSERT dbo.Destinations (Name)
SELECT DISTINCT o.Destination
  FROM dbo.OutboxMessages o WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
 WHERE o.State < 2 AND o.Destination > N''
   AND NOT EXISTS (SELECT 1 FROM dbo.Destinations d WITH (UPDLOCK, HOLDLOCK) WHERE d.Name = o.Destination);
