-- report_mails_of_client: mails to one client, newest first.
-- @consumer, @key the Subject; the page begins after @on and @mail; @most
INSERT @walked_mails (ReceivedOnUtc, MessageId)
SELECT TOP (@most) m.ReceivedOnUtc, m.MessageId
  FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Subject))
 WHERE m.Subject = @key AND m.Subject IS NOT NULL AND m.Consumer = @consumer AND m.ReceivedOnUtc <= @on AND (m.ReceivedOnUtc < @on OR m.MessageId < @mail)
 ORDER BY m.ReceivedOnUtc DESC, m.MessageId DESC;
