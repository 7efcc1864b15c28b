-- prune_plan_rows: deletes what expired dry runs showed, before the dry runs: one may have shown thousands. :before (now), :rows_max
DELETE FROM RemedyPlanRows
WHERE (Token, Place) IN (
  SELECT r.Token, r.Place
  FROM RemedyPlans AS p JOIN RemedyPlanRows AS r ON r.Token = p.Token
  WHERE p.ExpiresOnUtc <= :before
  LIMIT :rows_max
)
