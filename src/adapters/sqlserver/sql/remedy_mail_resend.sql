-- remedy_mail_resend: accepts refused mails, and those in doubt, again, due now. @consumer
-- The give-up time restarts, else the next failure would refuse them at once. A person has decided the doubt.
UPDATE m
   SET State = 0, DueAt = @now, LeaseToken = NULL, FinishedOnUtc = NULL, FirstTransientOnUtc = NULL,
       DoubtedOnUtc = NULL, NotFound = 0, TakenBack = 0
  FROM @mails d
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = d.Id
OPTION (FORCE ORDER, LOOP JOIN);
