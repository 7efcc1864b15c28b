-- remedy_mail_resend: accepts a refused mail, or one in doubt, again, due now.
-- :consumer, :id, :now
UPDATE InboxMessages
   -- The give-up time restarts, else the next failure would refuse it at once. A person has decided the doubt.
   SET State = 0, DueAt = :now, LeaseToken = NULL, FinishedOnUtc = NULL, FirstTransientOnUtc = NULL,
       DoubtedOnUtc = NULL, NotFound = 0, TakenBack = 0
 WHERE Consumer = :consumer AND MessageId = :id;
