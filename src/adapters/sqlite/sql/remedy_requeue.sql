-- remedy_requeue: makes a finished row pending again. The outcome of its last publish stays.
-- :seq, :now
UPDATE OutboxMessages
   SET State = 0, RetryCount = 0, Claims = 0, LeaseToken = NULL, ProcessedOnUtc = NULL, DueAt = :now
 WHERE Seq = :seq;
