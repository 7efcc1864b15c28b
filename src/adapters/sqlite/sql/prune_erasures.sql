-- prune_erasures: deletes the records of erased clients of whom nothing can arrive any more. :before, :rows_max
DELETE FROM Erasures
WHERE Subject IN (SELECT Subject FROM Erasures WHERE OnUtc <= :before ORDER BY OnUtc LIMIT :rows_max)
