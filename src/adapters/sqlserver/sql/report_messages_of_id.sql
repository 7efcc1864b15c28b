-- report_messages_of_id: the rows that a person names by a message id, a GUID in any case, or a Seq; newest first.
-- @exact, @lower, @upper, @number NULL if the text is not a number; the page begins after @on and @seq; @since, @most
INSERT @walked (OccurredOnUtc, Seq)
SELECT TOP (@most) n.OccurredOnUtc, n.Seq
  FROM (SELECT o.OccurredOnUtc, o.Seq FROM dbo.OutboxMessages o WHERE o.Id IN (@exact, @lower, @upper)
         UNION
        SELECT o.OccurredOnUtc, o.Seq FROM dbo.OutboxMessages o WHERE o.Seq = @number) AS n
 WHERE n.OccurredOnUtc <= @on AND (n.OccurredOnUtc < @on OR n.Seq < @seq) AND n.OccurredOnUtc >= @since
 ORDER BY n.OccurredOnUtc DESC, n.Seq DESC;
