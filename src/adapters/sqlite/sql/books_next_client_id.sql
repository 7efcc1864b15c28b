-- books_next_client_id: the id for a new client.
-- AUTOINCREMENT's own table: the id of a deleted client never comes back. It has no row before the first insert.
SELECT 1 + max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'Clients'), 0),
               coalesce((SELECT max(Id) FROM Clients), 0)) AS NextId;
