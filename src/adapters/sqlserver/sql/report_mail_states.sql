-- report_mail_states: mails that are not sent, by state. Held: those that wait for a person; of the refused, those since
-- @recent_ms ago whose content is still stored. @consumer
DECLARE @recent datetime2(7) = DATEADD(millisecond, -@recent_ms, @now);
DECLARE @refused_recently bigint = (
  SELECT COUNT_BIG(*) FROM dbo.InboxMessages r WITH (INDEX(IX_Inbox_RefusedBody))
   WHERE r.State = 5 AND r.Body IS NOT NULL AND r.FinishedOnUtc >= @recent AND r.Consumer = @consumer);
SELECT State, COUNT_BIG(*) AS Mails, MIN(ReceivedOnUtc) AS OldestOnUtc,
       CASE WHEN State = 5 THEN @refused_recently
            ELSE SUM(CASE WHEN State = 4 AND DueAt IS NULL THEN 1 ELSE 0 END) END AS Held
  FROM dbo.InboxMessages WITH (INDEX(IX_Inbox_NotSent))
 WHERE Consumer = @consumer AND State <> 2
 GROUP BY State
 ORDER BY State;
