-- rate_limit_settle: a mail's sending has ended by now, if it did not end before; or (@unsent 1) it was not handed to the
-- provider. Begins the batch of its settlement. @id, @token
BEGIN TRAN;
DECLARE @paced nvarchar(300) = (SELECT Provider FROM dbo.MailAttempts WHERE Token = @token AND MessageId = @id);
IF @paced IS NOT NULL
BEGIN
  -- Not while another counts (rate_limit_room): a row that moves in its index can be missed. Before the mail's own row is
  -- locked, as leases do it too.
  UPDATE dbo.Destinations SET Failures = Failures WHERE Name = @paced;
  IF @unsent = 1
    DELETE FROM dbo.MailAttempts WHERE Token = @token AND MessageId = @id;
  ELSE
    UPDATE dbo.MailAttempts SET OnUtc = @now WHERE Token = @token AND MessageId = @id AND OnUtc > @now;
END;
