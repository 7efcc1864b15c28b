-- report_find: the id of the message that a person names: by its id, a GUID in any case, or the Seq of one of its rows;
-- of a message that was deleted by its id, from what operators did to it.
-- :exact, :lower, :upper, :consumer, :number NULL if the text is not a number
SELECT FoundId
  FROM (SELECT Id AS FoundId, Id <> :exact AS Place FROM OutboxMessages WHERE Id IN (:exact, :lower, :upper)
         UNION ALL
        SELECT MessageId, MessageId <> :exact
          FROM InboxMessages WHERE Consumer = :consumer AND MessageId IN (:exact, :lower, :upper)
         UNION ALL
        SELECT Id, 2 FROM OutboxMessages WHERE Seq = :number
         UNION ALL
        SELECT MessageId, 3 + (MessageId <> :exact) FROM OperatorActionMessages WHERE MessageId IN (:exact, :lower, :upper))
 ORDER BY Place
 LIMIT 1;
