-- remedy_plan_rows: stores what a dry run showed. :token, :rows JSON [{t: target, s: stamp}]
INSERT INTO RemedyPlanRows (Token, Place, Target, Stamp)
SELECT :token, key, value ->> 't', value ->> 's' FROM json_each(:rows);
