-- prune_erasures: nothing of these clients can arrive any more. :before, :rows_max
DELETE FROM Erasures
WHERE Subject IN (SELECT Subject FROM Erasures WHERE OnUtc <= :before ORDER BY OnUtc LIMIT :rows_max)
