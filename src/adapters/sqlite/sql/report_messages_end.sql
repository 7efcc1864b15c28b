-- report_messages_end: the last entry that report_messages_newest judges, if it judges as many as it may.
-- :on and :seq of the row where the page before ended, :since, :most entries
SELECT OccurredOnUtc, Seq
  FROM OutboxMessages INDEXED BY IX_Outbox_Occurred
 WHERE (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
 ORDER BY OccurredOnUtc DESC, Seq DESC
 LIMIT 1 OFFSET :most - 1;
