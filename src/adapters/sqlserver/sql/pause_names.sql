-- pause_names: destinations of the bus and mail providers, which can be paused.
SELECT Name FROM dbo.Destinations ORDER BY Name;
