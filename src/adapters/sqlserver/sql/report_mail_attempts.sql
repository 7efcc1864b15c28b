-- report_mail_attempts: the attempts of one mail, oldest first. @consumer, @id
SELECT OnUtc, Instance, State, Reference, Error, 1 AS IsMailAttempt
  FROM dbo.InboxAttempts
 WHERE Consumer = @consumer AND MessageId = @id
 ORDER BY Id;
