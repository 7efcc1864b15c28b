-- report_mail: one mail. :consumer, :id
SELECT MessageId, Subject, State, DueAt, Attempts, Doubts, Deliveries, Provider, Reference, LastError, Fingerprint,
       ReceivedOnUtc, FinishedOnUtc
  FROM InboxMessages
 WHERE Consumer = :consumer AND MessageId = :id;
