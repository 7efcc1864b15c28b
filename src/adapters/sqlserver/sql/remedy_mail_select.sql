-- remedy_mail_select: the mails that match, oldest first, and how many mails were examined for it.
-- @path the index, or 'ids' for @ids, JSON [{i: id}]; @states a bit for each; @consumer, @limit
-- @fingerprint, @subject, @recipient_hash NULL for any; @examined_max
-- No key: the states are read one after another, and a mail may go to the next one in between.
DECLARE @found TABLE (Id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL);
IF @path = N'ids'
  INSERT @found (Id) SELECT j.i COLLATE Latin1_General_BIN2 FROM OPENJSON(@ids) WITH (i nvarchar(128) '$.i') AS j;
IF @path = N'fingerprint'
  INSERT @found (Id)
  SELECT TOP (@examined_max) m.MessageId FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(IX_Inbox_Fingerprint))
   WHERE m.Fingerprint IS NOT NULL AND m.Fingerprint = @fingerprint AND m.Consumer = @consumer
   ORDER BY m.ReceivedOnUtc;
IF @path = N'recipient'
  INSERT @found (Id)
  SELECT TOP (@examined_max) m.MessageId FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(IX_Inbox_Recipient))
   WHERE m.RecipientHash IS NOT NULL AND m.RecipientHash = @recipient_hash AND m.Consumer = @consumer
   ORDER BY m.ReceivedOnUtc;
IF @path = N'client'
  INSERT @found (Id)
  SELECT TOP (@examined_max) m.MessageId FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(IX_Inbox_Subject))
   WHERE m.Subject IS NOT NULL AND m.Subject = @subject AND m.Consumer = @consumer;
IF @path = N'state' AND @states & 16 <> 0
  INSERT @found (Id)
  SELECT TOP (@examined_max) m.MessageId FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(IX_Inbox_NotSent))
   WHERE m.State <> 2 AND m.Consumer = @consumer AND m.State = 4
   ORDER BY m.ReceivedOnUtc;
IF @path = N'state' AND @states & 32 <> 0
  INSERT @found (Id)
  SELECT TOP (@examined_max) m.MessageId FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(IX_Inbox_NotSent))
   WHERE m.State <> 2 AND m.Consumer = @consumer AND m.State = 5
   ORDER BY m.ReceivedOnUtc;
IF @path = N'time'
  INSERT @found (Id)
  SELECT TOP (@examined_max) m.MessageId FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(IX_Inbox_Received))
   WHERE m.Consumer = @consumer
   ORDER BY m.ReceivedOnUtc;
SELECT COUNT(*) AS Examined FROM @found;
SELECT TOP (@limit) m.MessageId AS Target
  FROM (SELECT DISTINCT Id FROM @found) AS f
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = f.Id
 WHERE POWER(2, m.State) & @states <> 0
   AND (@fingerprint IS NULL OR m.Fingerprint = @fingerprint)
   AND (@subject IS NULL OR m.Subject = @subject)
   AND (@recipient_hash IS NULL OR m.RecipientHash = @recipient_hash)
 ORDER BY m.ReceivedOnUtc, m.MessageId;
