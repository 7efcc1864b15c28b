-- report_messages_newest: rows newest first, of one type or destination or of any, judged in the index alone.
-- @event_type, @destination NULL for any; the page begins after @on and @seq; @since, @entries judged, @most
INSERT @walked (OccurredOnUtc, Seq)
SELECT TOP (@most) e.OccurredOnUtc, e.Seq
  FROM (SELECT TOP (@entries) o.OccurredOnUtc, o.Seq, o.EventType, o.Destination
          FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Occurred))
         WHERE o.OccurredOnUtc <= @on AND (o.OccurredOnUtc < @on OR o.Seq < @seq) AND o.OccurredOnUtc >= @since
         ORDER BY o.OccurredOnUtc DESC, o.Seq DESC) AS e
 WHERE (@event_type IS NULL OR e.EventType = @event_type) AND (@destination IS NULL OR e.Destination = @destination)
 ORDER BY e.OccurredOnUtc DESC, e.Seq DESC;
