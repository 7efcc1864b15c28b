-- remedy_requeue: makes finished rows pending again. The outcome of their last publish stays.
UPDATE t
   SET State = 0, RetryCount = 0, Claims = 0, LeaseToken = NULL, ProcessedOnUtc = NULL, DueAt = @now
  FROM @done d
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
OPTION (FORCE ORDER, LOOP JOIN);
