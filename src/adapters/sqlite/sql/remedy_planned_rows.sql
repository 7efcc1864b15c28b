-- remedy_planned_rows: what a dry run showed. :token
SELECT Target, Stamp FROM RemedyPlanRows WHERE Token = :token ORDER BY Place;
