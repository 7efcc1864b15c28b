-- remedy_report: stores the report of a run; the first one stays. @token, @report as JSON
UPDATE dbo.RemedyPlans SET Report = @report WHERE Token = @token AND Report IS NULL;
