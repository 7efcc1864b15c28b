-- report_mails_newest: mails newest first.
-- @consumer; the page begins after @on and @mail; @most
INSERT @walked_mails (ReceivedOnUtc, MessageId)
SELECT TOP (@most) m.ReceivedOnUtc, m.MessageId
  FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Received))
 WHERE m.Consumer = @consumer AND m.ReceivedOnUtc <= @on AND (m.ReceivedOnUtc < @on OR m.MessageId < @mail)
 ORDER BY m.ReceivedOnUtc DESC, m.MessageId DESC;
