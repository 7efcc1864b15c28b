-- report_message_line: one row, if it matches, with the state of its mail.
-- :seq, :consumer; NULL for any: :subject, :event_type, :destination, :state, :ordering_key, :fingerprint
SELECT o.Seq, o.Id, o.EventType, o.Destination, o.OrderingKey, o.Subject, o.State, o.OccurredOnUtc, o.DueAt, o.Claims,
       o.RetryCount, o.LastOutcome, o.LastError, o.Fingerprint, o.LastAttemptOnUtc, o.ProcessedOnUtc,
       (SELECT m.State FROM InboxMessages m WHERE m.Consumer = :consumer AND m.MessageId = o.Id) AS MailState
  FROM OutboxMessages o
 WHERE o.Seq = :seq
   AND (:subject IS NULL OR o.Subject = :subject)
   AND (:event_type IS NULL OR o.EventType = :event_type)
   AND (:destination IS NULL OR o.Destination = :destination)
   AND (:state IS NULL OR o.State = :state)
   AND (:ordering_key IS NULL OR o.OrderingKey = :ordering_key)
   AND (:fingerprint IS NULL OR o.Fingerprint = :fingerprint);
