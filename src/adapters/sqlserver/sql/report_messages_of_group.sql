-- report_messages_of_group: rows of one failure group, newest first.
-- @key the fingerprint; the page begins after @on and @seq; @since NULL: from the start; @most
INSERT @walked (OccurredOnUtc, Seq)
SELECT TOP (@most) o.OccurredOnUtc, o.Seq
  FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Fingerprint))
 WHERE o.Fingerprint = @key AND o.Fingerprint IS NOT NULL AND o.OccurredOnUtc <= @on AND (o.OccurredOnUtc < @on OR o.Seq < @seq)
   AND o.OccurredOnUtc >= @since
 ORDER BY o.OccurredOnUtc DESC, o.Seq DESC;
