-- report_mail_line: one mail, if it matches.
-- :consumer, :id; NULL for any: :subject, :recipient_hash, :state, :fingerprint
SELECT MessageId, Subject, State, DueAt, Attempts, Doubts, Deliveries, Provider, Reference, LastError, Fingerprint,
       ReceivedOnUtc, FinishedOnUtc
  FROM InboxMessages
 WHERE Consumer = :consumer AND MessageId = :id
   AND (:subject IS NULL OR Subject = :subject)
   AND (:recipient_hash IS NULL OR RecipientHash = :recipient_hash)
   AND (:state IS NULL OR State = :state)
   AND (:fingerprint IS NULL OR Fingerprint = :fingerprint);
