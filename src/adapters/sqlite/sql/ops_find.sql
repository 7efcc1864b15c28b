-- ops_find: the message a person means: by its id, a GUID in any casing, or the Seq of one of its rows.
-- :exact, :lower, :upper, :consumer, :seq NULL where it is no number
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
