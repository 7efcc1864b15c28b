-- report_mail_line: the mails of @walked_mails that match, and where the walk was cut short.
-- @most it finds, @limit, @consumer; NULL for any: @subject, @recipient_hash, @state, @fingerprint
SELECT TOP (@limit) m.MessageId, m.Subject, m.State, m.DueAt, m.Attempts, m.Doubts, m.Deliveries, m.Provider,
       m.Reference, m.LastError, m.Fingerprint, m.ReceivedOnUtc, m.FinishedOnUtc
  FROM @walked_mails w
  JOIN dbo.InboxMessages m ON m.Consumer = @consumer AND m.MessageId = w.MessageId
 WHERE (@subject IS NULL OR m.Subject = @subject)
   AND (@recipient_hash IS NULL OR m.RecipientHash = @recipient_hash)
   AND (@state IS NULL OR m.State = @state)
   AND (@fingerprint IS NULL OR m.Fingerprint = @fingerprint)
 ORDER BY w.ReceivedOnUtc DESC, w.MessageId DESC
OPTION (FORCE ORDER, LOOP JOIN);
SELECT TOP (1) ReceivedOnUtc AS EndOnUtc, MessageId AS EndMail
  FROM @walked_mails
 WHERE @most <= (SELECT COUNT(*) FROM @walked_mails)
 ORDER BY ReceivedOnUtc, MessageId;
