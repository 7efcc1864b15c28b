-- ops_destination_known: a row if there is such a destination or mail provider. @name
SELECT COUNT(*) AS Known FROM dbo.Destinations WHERE Name = @name;
