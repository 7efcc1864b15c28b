-- remedy_plan_rows: stores what a dry run showed, and ends its batch. @token, @rows JSON [{p: place, t: target, s: stamp}]
INSERT dbo.RemedyPlanRows (Token, Place, Target, Stamp)
SELECT @token, p, t, s FROM OPENJSON(@rows) WITH (p int '$.p', t nvarchar(128) '$.t', s nvarchar(200) '$.s');
COMMIT TRAN;
SELECT @expires AS ExpiresOnUtc;
