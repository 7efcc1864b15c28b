-- report_messages_newest: rows newest first.
-- :on and :seq of the row where the page before ended, :since, :most
SELECT OccurredOnUtc, Seq
  FROM OutboxMessages INDEXED BY IX_Outbox_Occurred
 WHERE (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
 ORDER BY OccurredOnUtc DESC, Seq DESC
 LIMIT :most;
