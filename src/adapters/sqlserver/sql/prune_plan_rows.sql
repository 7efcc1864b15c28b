-- prune_plan_rows: deletes what expired dry runs showed, before the dry runs: one may have shown thousands. @days (0), @rows_max
-- At low priority: in a deadlock the pruning is the victim.
SET DEADLOCK_PRIORITY LOW;
DECLARE @before datetime2(7) = DATEADD(day, -@days, @now);
DELETE t
  FROM dbo.RemedyPlanRows t
  JOIN (SELECT TOP (@rows_max) r.Token, r.Place
          FROM dbo.RemedyPlans p WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
          JOIN dbo.RemedyPlanRows r WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK) ON r.Token = p.Token
         WHERE p.ExpiresOnUtc <= @before) AS old ON old.Token = t.Token AND old.Place = t.Place;
SELECT @@ROWCOUNT AS Done;
