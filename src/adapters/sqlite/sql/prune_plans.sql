-- prune_plans: deletes expired dry runs of remedies. :before (now), :rows_max
DELETE FROM RemedyPlans
WHERE Token IN (SELECT Token FROM RemedyPlans WHERE ExpiresOnUtc <= :before ORDER BY ExpiresOnUtc LIMIT :rows_max)
