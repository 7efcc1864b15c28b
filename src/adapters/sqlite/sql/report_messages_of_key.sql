-- report_messages_of_key: rows of one ordering key, newest first.
-- :key, :on and :seq of the row where the page before ended, :since, :most
SELECT OccurredOnUtc, Seq
  FROM OutboxMessages INDEXED BY IX_Outbox_OrderingKey
 WHERE OrderingKey = :key AND (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
 ORDER BY OccurredOnUtc DESC, Seq DESC
 LIMIT :most;
