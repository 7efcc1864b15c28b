-- ops_mail_counts: mails by state; held are those in doubt that nothing but a person moves.
-- :consumer
SELECT State, count(*) AS Mails, sum(State = 4 AND DueAt IS NULL) AS Held
  FROM InboxMessages
 WHERE Consumer = :consumer
 GROUP BY State
 ORDER BY State;
