-- ops_requeue: a finished row goes again. What its last publish came to stays, for whoever reads it.
-- :seq, :now
UPDATE OutboxMessages
   SET State = 0, RetryCount = 0, Claims = 0, LeaseToken = NULL, ProcessedOnUtc = NULL, DueAt = :now
 WHERE Seq = :seq;
