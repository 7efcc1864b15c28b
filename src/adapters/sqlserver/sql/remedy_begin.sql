-- remedy_begin: begins the batch of a run. Its report is stored first: a second run of the token waits here, and ends.
-- @token, @report as JSON
BEGIN TRAN;
UPDATE dbo.RemedyPlans SET Report = @report WHERE Token = @token AND Report IS NULL;
IF @@ROWCOUNT = 0
BEGIN
  ROLLBACK TRAN;
  SELECT 2 AS Ended;
  RETURN;
END;
