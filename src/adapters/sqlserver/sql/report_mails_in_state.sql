-- report_mails_in_state: mails in one state other than sent, or in any of them, newest first.
-- @consumer, @state NULL for any; the page begins after @on and @mail; @most
-- DISTINCT: the states are read one after another, and a mail may go to the next one in between.
INSERT @walked_mails (ReceivedOnUtc, MessageId)
SELECT DISTINCT TOP (@most) w.ReceivedOnUtc, w.MessageId
  FROM (VALUES (0), (1), (3), (4), (5)) AS s (State)
 CROSS APPLY (SELECT TOP (@most) m.ReceivedOnUtc, m.MessageId
                FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_NotSent))
               WHERE m.Consumer = @consumer AND m.State <> 2 AND m.State = s.State
                 AND m.ReceivedOnUtc <= @on AND (m.ReceivedOnUtc < @on OR m.MessageId < @mail)
               ORDER BY m.ReceivedOnUtc DESC, m.MessageId DESC) AS w
 WHERE @state IS NULL OR s.State = @state
 ORDER BY w.ReceivedOnUtc DESC, w.MessageId DESC;
