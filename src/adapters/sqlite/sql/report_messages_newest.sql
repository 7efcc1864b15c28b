-- report_messages_newest: rows newest first, of one type or destination or of any, judged in the index alone.
-- :event_type, :destination NULL for any; :on and :seq of the row where the page before ended, :since, :most entries
SELECT OccurredOnUtc, Seq
  FROM (SELECT OccurredOnUtc, Seq, EventType, Destination
          FROM OutboxMessages INDEXED BY IX_Outbox_Occurred
         WHERE (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
         ORDER BY OccurredOnUtc DESC, Seq DESC
         LIMIT :most)
 WHERE (:event_type IS NULL OR EventType = :event_type) AND (:destination IS NULL OR Destination = :destination)
 ORDER BY OccurredOnUtc DESC, Seq DESC;
