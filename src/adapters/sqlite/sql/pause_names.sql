-- pause_names: destinations of the bus and mail providers, which can be paused, including those that only rows name.
SELECT Name FROM Destinations
 UNION SELECT Destination FROM OutboxMessages INDEXED BY IX_Outbox_Due WHERE State < 2 AND Destination > ''
 UNION SELECT Destination FROM OutboxMessages INDEXED BY IX_Outbox_Dead WHERE State = 3 AND Destination > ''
 ORDER BY Name;
