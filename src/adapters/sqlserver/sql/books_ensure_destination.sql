-- books_ensure_destination: adds a missing row for a destination: not paused, breaker closed. @destinations
INSERT dbo.Destinations (Name)
SELECT j.d
  FROM OPENJSON(@destinations) WITH (d nvarchar(300) '$.d') AS j
 WHERE j.d <> N''
   AND NOT EXISTS (SELECT 1 FROM dbo.Destinations e WHERE e.Name = j.d COLLATE Latin1_General_BIN2);
