-- report_find: the id of the message that a person names: by its id, a GUID in any case, or the Seq of one of its rows.
-- :exact, :lower, :upper, :consumer, :number NULL if the text is not a number
SELECT FoundId
  FROM (SELECT Id AS FoundId, Id <> :exact AS Place FROM OutboxMessages WHERE Id IN (:exact, :lower, :upper)
         UNION ALL
        SELECT MessageId, MessageId <> :exact
          FROM InboxMessages WHERE Consumer = :consumer AND MessageId IN (:exact, :lower, :upper)
         UNION ALL
        SELECT Id, 2 FROM OutboxMessages WHERE Seq = :number)
 ORDER BY Place
 LIMIT 1;
