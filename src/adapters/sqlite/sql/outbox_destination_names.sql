-- outbox_destination_names: destinations of unfinished rows, as bytes.
SELECT DISTINCT CAST(Destination AS BLOB) AS Destination FROM OutboxMessages WHERE State < 2 AND Destination > ''
