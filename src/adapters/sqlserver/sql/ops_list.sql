-- ops_list: rows by Seq, without payload. @state, @destination, @event_type NULL for any; @after a Seq; @limit
SELECT TOP (@limit) Seq, Id, EventType, Destination, OrderingKey, State, OccurredOnUtc, DueAt, Claims, RetryCount,
       LastOutcome, LastError, LastAttemptOnUtc, ProcessedOnUtc
  FROM dbo.OutboxMessages
 WHERE Seq > @after
   AND (@state IS NULL OR State = @state)
   AND (@destination IS NULL OR Destination = @destination)
   AND (@event_type IS NULL OR EventType = @event_type)
 ORDER BY Seq
OPTION (RECOMPILE);
