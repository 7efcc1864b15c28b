-- ops_find: the message that a person names: by its id, a GUID in any case, or the Seq of one of its rows.
-- :exact, :lower, :upper, :consumer, :seq NULL if the text is not a number
SELECT FoundId, Destination
  FROM (SELECT Id AS FoundId, NULL AS Destination, Id <> :exact AS Place
          FROM OutboxMessages WHERE Id IN (:exact, :lower, :upper)
         UNION ALL
        SELECT MessageId, NULL, MessageId <> :exact
          FROM InboxMessages WHERE Consumer = :consumer AND MessageId IN (:exact, :lower, :upper)
         UNION ALL
        SELECT Id, Destination, 2 FROM OutboxMessages WHERE Seq = :seq)
 ORDER BY Place
 LIMIT 1;
