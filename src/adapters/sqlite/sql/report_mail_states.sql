-- report_mail_states: mails that are not sent, by state. Held: those that wait for a person; of the refused, those since
-- :recent whose content is still stored. :consumer, :recent
SELECT State, count(*) AS Mails, min(ReceivedOnUtc) AS OldestOnUtc,
       iif(State = 5,
           (SELECT count(*) FROM InboxMessages r INDEXED BY IX_Inbox_RefusedBody
             WHERE r.State = 5 AND r.Body IS NOT NULL AND r.FinishedOnUtc >= :recent AND r.Consumer = :consumer),
           sum(State = 4 AND DueAt IS NULL)) AS Held
  FROM InboxMessages INDEXED BY IX_Inbox_NotSent
 WHERE Consumer = :consumer AND State <> 2
 GROUP BY State
 ORDER BY State;
