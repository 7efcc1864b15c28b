-- inbox_due: mails to take up now, oldest due first.
-- :consumer, :now, :provider name of its breaker, :probe and :token it holds the provider's probe, :rows_max
SELECT MessageId
  FROM InboxMessages
 -- The IN list repeats the index's filter; SQLite does not infer it.
 WHERE Consumer = :consumer AND State IN (0, 1, 3, 4) AND State <> 1 AND DueAt <= :now
   AND NOT EXISTS (SELECT 1 FROM Destinations
                    WHERE Name = :provider
                      AND (PausedOnUtc IS NOT NULL
                           OR (OpenUntil IS NOT NULL AND NOT (:probe AND ProbeToken IS :token))))
 ORDER BY DueAt, MessageId
 LIMIT :rows_max;
