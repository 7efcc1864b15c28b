-- report_messages_unfinished: rows that are not finished, newest first.
-- the page begins after @on and @seq; @since NULL: from the start; @most
INSERT @walked (OccurredOnUtc, Seq)
SELECT TOP (@most) o.OccurredOnUtc, o.Seq
  FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Unfinished))
 WHERE o.State < 2 AND o.OccurredOnUtc <= @on AND (o.OccurredOnUtc < @on OR o.Seq < @seq)
   AND o.OccurredOnUtc >= @since
 ORDER BY o.OccurredOnUtc DESC, o.Seq DESC;
