-- ops_mail_counts: mails by state; Held counts those in doubt that wait for a person.
-- :consumer
SELECT State, count(*) AS Mails, sum(State = 4 AND DueAt IS NULL) AS Held
  FROM InboxMessages
 WHERE Consumer = :consumer
 GROUP BY State
 ORDER BY State;
