-- remedy_planned: a dry run that has not expired, and the report of its run. :token, :now
SELECT Remedy, Report FROM RemedyPlans WHERE Token = :token AND ExpiresOnUtc > :now;
