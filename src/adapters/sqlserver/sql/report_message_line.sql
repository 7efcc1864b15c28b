-- report_message_line: the rows of @walked that match, with the state of their mails, and where the walk was cut short.
-- @most it finds, @limit, @consumer; NULL for any: @subject, @event_type, @destination, @state, @ordering_key, @fingerprint
SELECT TOP (@limit) o.Seq, o.Id, o.EventType, o.Destination, o.OrderingKey, o.Subject, o.State, o.OccurredOnUtc, o.DueAt,
       o.Claims, o.RetryCount, o.LastOutcome, o.LastError, o.Fingerprint, o.LastAttemptOnUtc, o.ProcessedOnUtc,
       (SELECT m.State FROM dbo.InboxMessages m WHERE m.Consumer = @consumer AND m.MessageId = o.Id) AS MailState
  FROM @walked w
  JOIN dbo.OutboxMessages o ON o.Seq = w.Seq
 WHERE (@subject IS NULL OR o.Subject = @subject)
   AND (@event_type IS NULL OR o.EventType = @event_type)
   AND (@destination IS NULL OR o.Destination = @destination)
   AND (@state IS NULL OR o.State = @state)
   AND (@ordering_key IS NULL OR o.OrderingKey = @ordering_key)
   AND (@fingerprint IS NULL OR o.Fingerprint = @fingerprint)
 ORDER BY w.OccurredOnUtc DESC, w.Seq DESC
OPTION (FORCE ORDER, LOOP JOIN);
SELECT TOP (1) OccurredOnUtc AS EndOnUtc, Seq AS EndSeq
  FROM @walked
 WHERE @most <= (SELECT COUNT(*) FROM @walked)
 ORDER BY OccurredOnUtc, Seq;
