-- remedy_route: a row goes to another destination, which has not seen it yet.
-- :seq, :to, :now
UPDATE OutboxMessages
   SET Destination = :to, State = 0, RetryCount = 0, Claims = 0, LeaseToken = NULL, DueAt = :now,
       LastOutcome = NULL, LastError = NULL, LastAttemptOnUtc = NULL, Fingerprint = NULL
 WHERE Seq = :seq;
