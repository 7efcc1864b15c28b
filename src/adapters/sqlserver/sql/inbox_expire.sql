-- inbox_expire: mails whose lease ran out become in doubt. @consumer, @resend 1: due now, else held; @reason, @fingerprint, @rows_max
-- The token stays: until the mail is leased again, its late holder can still settle it.
DECLARE @expired TABLE (MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY);
BEGIN TRAN;
INSERT @expired (MessageId)
SELECT TOP (@rows_max) o.MessageId
  FROM dbo.InboxMessages o WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
 -- DueAt IS NOT NULL repeats the index's filter.
 WHERE o.Consumer = @consumer AND o.DueAt IS NOT NULL AND o.State = 1 AND o.DueAt <= @now
 ORDER BY o.DueAt;
UPDATE m
   SET State = 4, Doubts = m.Doubts + 1, DueAt = CASE WHEN @resend = 1 THEN @now ELSE NULL END, LastError = @reason,
       Fingerprint = @fingerprint,
       -- If only a status query was under way, the earlier doubt continues.
       DoubtedOnUtc = CASE WHEN m.DoubtedOnUtc IS NOT NULL AND m.NotFound < 2 THEN m.DoubtedOnUtc ELSE m.DueAt END,
       NotFound = CASE WHEN m.DoubtedOnUtc IS NOT NULL AND m.NotFound < 2 THEN m.NotFound ELSE 0 END
OUTPUT inserted.MessageId AS MessageId, inserted.Traceparent AS Traceparent
  FROM @expired e
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = e.MessageId
 WHERE m.State = 1 AND m.DueAt <= @now
OPTION (FORCE ORDER, LOOP JOIN);
-- Those updated, by what they are now: on Babelfish @@ROWCOUNT does not count an UPDATE with OUTPUT.
INSERT @tried (Id, State, Reference, Error, Fingerprint)
SELECT m.MessageId, m.State, NULL, m.LastError, m.Fingerprint
  FROM @expired e
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = e.MessageId
 WHERE m.State = 4
OPTION (FORCE ORDER, LOOP JOIN);
INSERT @counted (Bucket, SinceUtc) SELECT -1, NULL FROM @tried;
