-- report_messages_of_client: rows about one client, newest first.
-- :key the Subject, :on and :seq of the row where the page before ended, :since, :most
SELECT OccurredOnUtc, Seq
  FROM OutboxMessages INDEXED BY IX_Outbox_Subject
 WHERE Subject = :key AND (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
 ORDER BY OccurredOnUtc DESC, Seq DESC
 LIMIT :most;
