-- report_messages_set_aside: dead or discarded rows, newest first.
-- @state 3 or 4; the page begins after @on and @seq; @since NULL: from the start; @most
INSERT @walked (OccurredOnUtc, Seq)
SELECT TOP (@most) o.OccurredOnUtc, o.Seq
  FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_SetAside))
 WHERE o.State IN (3, 4) AND o.State = @state AND o.OccurredOnUtc <= @on AND (o.OccurredOnUtc < @on OR o.Seq < @seq)
   AND o.OccurredOnUtc >= @since
 ORDER BY o.OccurredOnUtc DESC, o.Seq DESC;
