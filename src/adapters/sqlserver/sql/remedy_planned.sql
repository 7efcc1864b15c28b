-- remedy_planned: a dry run that has not expired, and the report of its run. @token
SELECT Remedy, Report, @now AS CurrentUtc FROM dbo.RemedyPlans WHERE Token = @token AND ExpiresOnUtc > @now;
