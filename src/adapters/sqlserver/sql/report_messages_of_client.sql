-- report_messages_of_client: rows about one client, newest first.
-- @key the Subject; the page begins after @on and @seq; @since NULL: from the start; @most
INSERT @walked (OccurredOnUtc, Seq)
SELECT TOP (@most) o.OccurredOnUtc, o.Seq
  FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Subject))
 WHERE o.Subject = @key AND o.Subject IS NOT NULL AND o.OccurredOnUtc <= @on AND (o.OccurredOnUtc < @on OR o.Seq < @seq)
   AND o.OccurredOnUtc >= @since
 ORDER BY o.OccurredOnUtc DESC, o.Seq DESC;
