-- report_mails_of_recipient: mails to one address, newest first.
-- @consumer, @key the hash of the address; the page begins after @on and @mail; @most
INSERT @walked_mails (ReceivedOnUtc, MessageId)
SELECT TOP (@most) m.ReceivedOnUtc, m.MessageId
  FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Recipient))
 WHERE m.RecipientHash = @key AND m.RecipientHash IS NOT NULL AND m.Consumer = @consumer AND m.ReceivedOnUtc <= @on AND (m.ReceivedOnUtc < @on OR m.MessageId < @mail)
 ORDER BY m.ReceivedOnUtc DESC, m.MessageId DESC;
