-- report_messages_set_aside: dead or discarded rows, newest first.
-- :state 3 or 4, :on and :seq of the row where the page before ended, :since, :most
SELECT OccurredOnUtc, Seq
  FROM OutboxMessages INDEXED BY IX_Outbox_SetAside
 -- The IN list repeats the index's filter; SQLite does not infer it.
 WHERE State IN (3, 4) AND State = :state AND (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
 ORDER BY OccurredOnUtc DESC, Seq DESC
 LIMIT :most;
