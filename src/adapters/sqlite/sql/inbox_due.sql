-- inbox_due: mails to lease now, oldest due first.
-- :consumer, :now, :provider the breaker's name, :probe and :token it holds the provider's probe, :rows_max,
-- :status_queries the provider answers status queries, :querying selects the mails to query, not those to send
SELECT MessageId
  FROM InboxMessages
 -- The IN list repeats the index's filter; SQLite does not infer it.
 WHERE Consumer = :consumer AND State IN (0, 1, 3, 4) AND State <> 1 AND DueAt <= :now
   -- The conditions of mail_doubt::open.
   AND (:status_queries AND DoubtedOnUtc IS NOT NULL AND NotFound < 2) = :querying
   AND NOT EXISTS (SELECT 1 FROM Destinations
                    WHERE Name = :provider
                      AND (PausedUntilUtc > :now
                           OR (OpenUntil IS NOT NULL AND NOT (:probe AND ProbeToken IS :token))))
 ORDER BY DueAt, MessageId
 LIMIT :rows_max;
