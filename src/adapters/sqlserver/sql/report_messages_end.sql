-- report_messages_end: the last entry that report_messages_newest judges, if it judges as many as it may.
-- The page begins after @on and @seq; @since, @entries judged
SELECT o.OccurredOnUtc AS EndOnUtc, o.Seq AS EndSeq
  FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Occurred))
 WHERE o.OccurredOnUtc <= @on AND (o.OccurredOnUtc < @on OR o.Seq < @seq) AND o.OccurredOnUtc >= @since
 ORDER BY o.OccurredOnUtc DESC, o.Seq DESC
OFFSET @entries - 1 ROWS FETCH NEXT 1 ROWS ONLY;
