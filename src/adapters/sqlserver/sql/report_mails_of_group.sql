-- report_mails_of_group: mails of one failure group, newest first.
-- @consumer, @key the fingerprint; the page begins after @on and @mail; @most
INSERT @walked_mails (ReceivedOnUtc, MessageId)
SELECT TOP (@most) m.ReceivedOnUtc, m.MessageId
  FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Fingerprint))
 WHERE m.Fingerprint = @key AND m.Fingerprint IS NOT NULL AND m.Consumer = @consumer AND m.ReceivedOnUtc <= @on AND (m.ReceivedOnUtc < @on OR m.MessageId < @mail)
 ORDER BY m.ReceivedOnUtc DESC, m.MessageId DESC;
