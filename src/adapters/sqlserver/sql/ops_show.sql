-- ops_show: the rows of one message, one per destination. @id
SELECT Seq, Id, EventType, Destination, OrderingKey, State, OccurredOnUtc, DueAt, Claims, RetryCount, LastOutcome,
       LastError, LastAttemptOnUtc, ProcessedOnUtc, Payload
  FROM dbo.OutboxMessages
 WHERE Id = @id
 ORDER BY Seq;
