-- report_messages_of_key: rows of one ordering key, newest first.
-- @key; the page begins after @on and @seq; @since NULL: from the start; @most
INSERT @walked (OccurredOnUtc, Seq)
SELECT TOP (@most) o.OccurredOnUtc, o.Seq
  FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_OrderingKey))
 WHERE o.OrderingKey = @key AND o.OrderingKey IS NOT NULL AND o.OccurredOnUtc <= @on AND (o.OccurredOnUtc < @on OR o.Seq < @seq)
   AND o.OccurredOnUtc >= @since
 ORDER BY o.OccurredOnUtc DESC, o.Seq DESC;
