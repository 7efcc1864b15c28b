-- rate_limit_settle: the sending of a mail has ended, now at the latest; or (@unsent 1) it was not handed to the provider.
-- Begins the batch of its settlement. @id, @token
BEGIN TRAN;
DECLARE @limited_provider nvarchar(300) = (SELECT Provider FROM dbo.MailAttempts WHERE Token = @token AND MessageId = @id);
IF @limited_provider IS NOT NULL
BEGIN
  -- Not while another lease counts (rate_limit_room): a row that moves in its index can be missed. Before the mail's own
  -- row is locked, in the same order as leases.
  UPDATE dbo.Destinations SET Failures = Failures WHERE Name = @limited_provider;
  IF @unsent = 1
    DELETE FROM dbo.MailAttempts WHERE Token = @token AND MessageId = @id;
  ELSE
    UPDATE dbo.MailAttempts SET OnUtc = @now WHERE Token = @token AND MessageId = @id AND OnUtc > @now;
END;
