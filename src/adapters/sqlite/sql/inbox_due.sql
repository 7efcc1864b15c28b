-- inbox_due: mails to take up now, oldest due first.
-- :consumer, :now, :provider name of its breaker, :probe and :token it holds the provider's probe, :asks it can be asked
-- about mails in doubt, :asking those to ask about and not those to send, :rows_max
SELECT MessageId
  FROM InboxMessages
 -- The IN list repeats the index's filter; SQLite does not infer it.
 WHERE Consumer = :consumer AND State IN (0, 1, 3, 4) AND State <> 1 AND DueAt <= :now
   -- As mail_doubt::open has it.
   AND (:asks AND DoubtedOnUtc IS NOT NULL AND NotFound < 2) = :asking
   AND NOT EXISTS (SELECT 1 FROM Destinations
                    WHERE Name = :provider
                      AND (PausedOnUtc IS NOT NULL
                           OR (OpenUntil IS NOT NULL AND NOT (:probe AND ProbeToken IS :token))))
 ORDER BY DueAt, MessageId
 LIMIT :rows_max;
