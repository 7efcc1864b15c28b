-- ops_mail_resend: a refused or doubtful mail is accepted again, due now. @consumer, @id, @state when judged
-- The give-up time starts anew, else the next failure would refuse it at once. A person has settled the doubt.
UPDATE dbo.InboxMessages
   SET State = 0, DueAt = @now, LeaseToken = NULL, FinishedOnUtc = NULL, FirstTransientOnUtc = NULL,
       DoubtedOnUtc = NULL, NotFound = 0, TakenBack = 0
 WHERE Consumer = @consumer AND MessageId = @id AND State = @state;
