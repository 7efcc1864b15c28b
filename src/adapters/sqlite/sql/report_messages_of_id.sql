-- report_messages_of_id: the rows that a person names by a message id, a GUID in any case, or a Seq; newest first.
-- :exact, :lower, :upper, :number NULL if the text is not a number; :on and :seq of the row where the page before ended,
-- :since, :most
SELECT OccurredOnUtc, Seq
  FROM (SELECT OccurredOnUtc, Seq FROM OutboxMessages WHERE Id IN (:exact, :lower, :upper)
         UNION
        SELECT OccurredOnUtc, Seq FROM OutboxMessages WHERE Seq = :number)
 WHERE (OccurredOnUtc, Seq) < (:on, :seq) AND OccurredOnUtc >= :since
 ORDER BY OccurredOnUtc DESC, Seq DESC
 LIMIT :most;
