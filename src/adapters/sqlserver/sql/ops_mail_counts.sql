-- ops_mail_counts: mails by state; Held counts those in doubt that wait for a person. @consumer
SELECT State, COUNT_BIG(*) AS Mails, SUM(CASE WHEN State = 4 AND DueAt IS NULL THEN 1 ELSE 0 END) AS Held
  FROM dbo.InboxMessages
 WHERE Consumer = @consumer
 GROUP BY State
 ORDER BY State;
