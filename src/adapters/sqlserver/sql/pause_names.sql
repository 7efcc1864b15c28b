-- pause_names: destinations of the bus and mail providers, which can be paused, including those that only rows name.
SELECT Name FROM dbo.Destinations
 UNION SELECT Destination FROM dbo.OutboxMessages WITH (READUNCOMMITTED, INDEX(IX_Outbox_Due)) WHERE State < 2 AND Destination > N''
 UNION SELECT Destination FROM dbo.OutboxMessages WITH (READUNCOMMITTED, INDEX(IX_Outbox_Dead)) WHERE State = 3 AND Destination > N''
 ORDER BY Name;
