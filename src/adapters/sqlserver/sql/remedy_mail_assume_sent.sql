-- remedy_mail_assume_sent: marks mails as sent; their content is deleted, as for every sent mail. @consumer
UPDATE m
   SET State = 2, DueAt = NULL, Body = NULL, LastError = NULL, Fingerprint = NULL, FinishedOnUtc = @now
  FROM @mails d
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = d.Id
OPTION (FORCE ORDER, LOOP JOIN);
