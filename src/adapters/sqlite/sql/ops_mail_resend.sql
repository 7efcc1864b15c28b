-- ops_mail_resend: a refused or doubtful mail is accepted again, due now.
-- :consumer, :id, :now
UPDATE InboxMessages
   -- The give-up time starts anew, else the next failure would refuse it at once. A person has settled the doubt.
   SET State = 0, DueAt = :now, LeaseToken = NULL, FinishedOnUtc = NULL, FirstTransientOnUtc = NULL,
       DoubtedOnUtc = NULL, NotFound = 0, TakenBack = 0
 WHERE Consumer = :consumer AND MessageId = :id;
