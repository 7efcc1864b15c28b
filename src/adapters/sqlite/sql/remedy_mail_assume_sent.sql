-- remedy_mail_assume_sent: marks a mail as sent; its content is deleted, as for every sent mail.
-- :consumer, :id, :now
UPDATE InboxMessages
   SET State = 2, DueAt = NULL, Body = NULL, LastError = NULL, Fingerprint = NULL, FinishedOnUtc = :now
 WHERE Consumer = :consumer AND MessageId = :id;
