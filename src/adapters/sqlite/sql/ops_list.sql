-- ops_list: rows by Seq, without payload.
-- :state NULL for unfinished and dead ones; :destination, :event_type NULL for any; :after a Seq; :limit
SELECT Seq, Id, EventType, Destination, OrderingKey, State, OccurredOnUtc, DueAt, Claims, RetryCount, LastOutcome,
       LastError, LastAttemptOnUtc, ProcessedOnUtc
  FROM OutboxMessages
 WHERE Seq > :after
   AND (State = :state OR (:state IS NULL AND State IN (0, 1, 3)))
   AND (:destination IS NULL OR Destination = :destination)
   AND (:event_type IS NULL OR EventType = :event_type)
 ORDER BY Seq
 LIMIT :limit;
