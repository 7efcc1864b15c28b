-- remedy_route: rows go to another destination, which has not seen them yet. @to
IF EXISTS (SELECT 1 FROM @done d
             JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
             JOIN dbo.OutboxMessages b WITH (UPDLOCK, HOLDLOCK) ON b.Id = t.Id AND b.Destination = @to)
BEGIN
  ROLLBACK TRAN;
  SELECT 1 AS Ended;
  RETURN;
END;
UPDATE t
   SET Destination = @to, State = 0, RetryCount = 0, Claims = 0, LeaseToken = NULL, DueAt = @now,
       LastOutcome = NULL, LastError = NULL, LastAttemptOnUtc = NULL, Fingerprint = NULL
  FROM @done d
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
OPTION (FORCE ORDER, LOOP JOIN);
