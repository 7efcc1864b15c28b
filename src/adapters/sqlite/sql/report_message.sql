-- report_message: the rows of one message, one per destination, with its content.
-- :id, :consumer
SELECT o.Seq, o.Id, o.EventType, o.Destination, o.OrderingKey, o.Subject, o.State, o.OccurredOnUtc, o.DueAt, o.Claims,
       o.RetryCount, o.LastOutcome, o.LastError, o.Fingerprint, o.LastAttemptOnUtc, o.ProcessedOnUtc,
       (SELECT m.State FROM InboxMessages m WHERE m.Consumer = :consumer AND m.MessageId = o.Id) AS MailState,
       o.ContentType, o.Headers, o.Payload
  FROM OutboxMessages o
 WHERE o.Id = :id
 ORDER BY o.Seq;
