-- ops_destination_known: a row if there is such a destination or mail provider.
-- :name
SELECT 1 FROM Destinations WHERE Name = :name;
