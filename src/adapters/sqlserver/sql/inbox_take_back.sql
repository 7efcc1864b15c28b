-- inbox_take_back: accepts mails again that were refused alike since the provider last took one, if they have at least
-- @recipients different recipients, or the provider is already marked as at fault for this kind.
-- @consumer, @id the last of them and @back_ms its delay, @at the provider, @alike the kind of refusal, @recipients, @times how
-- often at most a mail is taken back, @newest how many finished mails are searched
DECLARE @fault int = CASE WHEN EXISTS (
  SELECT 1 FROM dbo.Destinations WHERE Name = @at AND RefusedAlike = @alike) THEN 1 ELSE 0 END;
DECLARE @finished TABLE (MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, State int NOT NULL, FinishedOnUtc datetime2(7) NOT NULL,
  RecipientHash nvarchar(64) COLLATE Latin1_General_BIN2 NULL, Alike int NOT NULL);
INSERT @finished (MessageId, State, FinishedOnUtc, RecipientHash, Alike)
SELECT TOP (@newest) m.MessageId, CASE WHEN m.State = 2 AND m.Provider = @at THEN 2 ELSE 5 END, m.FinishedOnUtc, m.RecipientHash,
       CASE WHEN m.State = 5 AND m.RefusedAlike = @alike AND m.Body IS NOT NULL AND (@fault = 1 OR m.TakenBack < @times) THEN 1 ELSE 0 END
  FROM dbo.InboxMessages m WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Finished))
 WHERE m.State IN (2, 5) AND m.Consumer = @consumer
 ORDER BY m.FinishedOnUtc DESC;
DECLARE @taken_on datetime2(7) = (SELECT MAX(FinishedOnUtc) FROM @finished WHERE State = 2);
DELETE FROM @finished WHERE Alike = 0 OR (@taken_on IS NOT NULL AND FinishedOnUtc < @taken_on);
IF @changed = 0 OR @fault = 0 AND (SELECT COUNT(DISTINCT RecipientHash) FROM @finished) < @recipients
  DELETE FROM @finished;
UPDATE m
   SET State = 0, DueAt = CASE WHEN m.MessageId = @id THEN DATEADD(millisecond, @back_ms, @now) ELSE @now END, FinishedOnUtc = NULL,
       Fingerprint = NULL, FirstTransientOnUtc = NULL, DoubtedOnUtc = NULL, NotFound = 0,
       -- While the provider is at fault, the refusal of a probe does not count against the mail.
       TakenBack = m.TakenBack + 1 - @fault
  FROM @finished f
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = f.MessageId
 WHERE m.State = 5
OPTION (FORCE ORDER, LOOP JOIN);
DECLARE @back int = @@ROWCOUNT;
INSERT @tried (Id, State, Reference, Error, Fingerprint)
SELECT m.MessageId, m.State, NULL, NULL, NULL
  FROM @finished f
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = f.MessageId
 WHERE m.State = 0
OPTION (FORCE ORDER, LOOP JOIN);
