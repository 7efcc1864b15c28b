-- pause_leased: rows of a destination, or mails of a consumer, that are being sent now.
-- :name; :consumer NULL for a destination; :now, since an expired lease sends nothing
SELECT (SELECT count(*) FROM OutboxMessages
         WHERE State < 2 AND State = 1 AND Destination = :name AND DueAt > :now)
       + (SELECT count(*) FROM InboxMessages
           WHERE State <> 2 AND State = 1 AND Consumer = :consumer AND DueAt > :now) AS Leased;
