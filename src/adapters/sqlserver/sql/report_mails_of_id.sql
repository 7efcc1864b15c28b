-- report_mails_of_id: the mail that a person names by its message id, a GUID in any case.
-- @consumer, @exact, @lower, @upper; the page begins after @on and @mail; @most
INSERT @walked_mails (ReceivedOnUtc, MessageId)
SELECT TOP (@most) m.ReceivedOnUtc, m.MessageId
  FROM dbo.InboxMessages m
 WHERE m.Consumer = @consumer AND m.MessageId IN (@exact, @lower, @upper)
   AND m.ReceivedOnUtc <= @on AND (m.ReceivedOnUtc < @on OR m.MessageId < @mail)
 ORDER BY m.ReceivedOnUtc DESC, m.MessageId DESC;
