-- outbox_claim_before: the rows that an earlier try of this claim leased, if its answer was lost; then they are returned.
-- @again 1: there was an earlier try; @destination, @token
-- Without this step they would wait for the end of a lease that nobody knows of.
-- READPAST: nobody locks our rows; a row that is locked waits for the end of the lease.
IF @again = 1 AND EXISTS (SELECT 1 FROM dbo.OutboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
                           WHERE State < 2 AND Destination = @destination AND State = 1 AND LeaseToken = @token)
BEGIN
  SELECT Seq, Id, EventType, OrderingKey, ContentType, Payload, Headers, OccurredOnUtc, Claims, RetryCount, LastOutcome, LastAttemptOnUtc
    FROM dbo.OutboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
   WHERE State < 2 AND Destination = @destination AND State = 1 AND LeaseToken = @token;
  SELECT 0 AS SetDead, Failures, LastAcceptedOnUtc FROM dbo.Destinations WHERE Name = @destination;
  RETURN;
END;
