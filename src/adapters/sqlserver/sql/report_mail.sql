-- report_mail: one mail. @consumer, @id
SELECT m.MessageId, m.Subject, m.State, m.DueAt, m.Attempts, m.Doubts, m.Deliveries, m.Provider,
       m.Reference, m.LastError, m.Fingerprint, m.ReceivedOnUtc, m.FinishedOnUtc
  FROM dbo.InboxMessages m
 WHERE m.Consumer = @consumer AND m.MessageId = @id;
