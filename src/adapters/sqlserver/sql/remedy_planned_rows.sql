-- remedy_planned_rows: what a dry run showed. @token
SELECT Target, Stamp FROM dbo.RemedyPlanRows WHERE Token = @token ORDER BY Place;
