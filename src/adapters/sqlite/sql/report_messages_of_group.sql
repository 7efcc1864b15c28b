-- report_messages_of_group: rows of one failure group, newest first.
-- :key the fingerprint, :on and :seq of the row where the page before ended, :since, :most
SELECT OccurredOnUtc, Seq
  FROM OutboxMessages INDEXED BY IX_Outbox_Fingerprint
 WHERE Fingerprint = :key AND (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
 ORDER BY OccurredOnUtc DESC, Seq DESC
 LIMIT :most;
