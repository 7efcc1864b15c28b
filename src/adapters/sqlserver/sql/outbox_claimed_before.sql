-- outbox_claimed_before: rows that an earlier try of this same claim leased, whose answer was lost; then they are the answer.
-- @again 1: there was one; @destination, @token
-- Claimed anew, they would wait for the end of a lease that nobody knows of.
-- READPAST: ours are held by nobody, or wait for the end of the lease.
IF @again = 1 AND EXISTS (SELECT 1 FROM dbo.OutboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
                           WHERE State < 2 AND Destination = @destination AND State = 1 AND LeaseToken = @token)
BEGIN
  SELECT Seq, Id, EventType, OrderingKey, ContentType, Payload, Headers, OccurredOnUtc, Claims, RetryCount, LastOutcome, LastAttemptOnUtc
    FROM dbo.OutboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
   WHERE State < 2 AND Destination = @destination AND State = 1 AND LeaseToken = @token;
  SELECT 0 AS SetDead, Failures, LastAcceptedOnUtc FROM dbo.Destinations WHERE Name = @destination;
  RETURN;
END;
