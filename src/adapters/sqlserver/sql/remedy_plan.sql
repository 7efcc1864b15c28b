-- remedy_plan: stores a dry run. @token, @remedy the request as JSON, @lifetime_s
DECLARE @expires datetime2(7) = DATEADD(second, @lifetime_s, @now);
BEGIN TRAN;
INSERT dbo.RemedyPlans (Token, Remedy, ExpiresOnUtc) VALUES (@token, @remedy, @expires);
