-- inbox_due: mails to lease now, oldest due first: those for a status query, and others within the rate limit.
-- @consumer, @provider the breaker's name, @probe 1 and @token: it holds the provider's probe; @room, @rows_max,
-- @status_queries 1: the provider answers status queries about mails in doubt
DECLARE @due TABLE (MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, WasDueAt datetime2(7) NOT NULL, Querying int NOT NULL);
DECLARE @stopped int = CASE WHEN EXISTS (
  SELECT 1 FROM dbo.Destinations d
   WHERE d.Name = @provider
     AND (d.PausedUntilUtc > @now
          OR (d.OpenUntil IS NOT NULL AND NOT (@probe = 1 AND d.ProbeToken IS NOT NULL AND d.ProbeToken = @token)))) THEN 1 ELSE 0 END;
-- Both conditions are those of mail_doubt::open. DueAt IS NOT NULL repeats the index's filter.
IF @status_queries = 1 AND @stopped = 0
  INSERT @due (MessageId, WasDueAt, Querying)
  SELECT TOP (@rows_max) m.MessageId, m.DueAt, 1
    FROM dbo.InboxMessages m WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
   WHERE m.Consumer = @consumer AND m.DueAt IS NOT NULL AND m.State IN (3, 4) AND m.DueAt <= @now
     AND m.DoubtedOnUtc IS NOT NULL AND m.NotFound < 2
   ORDER BY m.DueAt, m.MessageId;
DECLARE @sends bigint = @rows_max - (SELECT COUNT(*) FROM @due);
IF @sends > @room
  SET @sends = @room;
IF @stopped = 0 AND @sends > 0
  INSERT @due (MessageId, WasDueAt, Querying)
  SELECT TOP (@sends) m.MessageId, m.DueAt, 0
    FROM dbo.InboxMessages m WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
   WHERE m.Consumer = @consumer AND m.DueAt IS NOT NULL AND m.State IN (0, 3, 4) AND m.DueAt <= @now
     AND NOT (@status_queries = 1 AND m.DoubtedOnUtc IS NOT NULL AND m.NotFound < 2)
   ORDER BY m.DueAt, m.MessageId;
DECLARE @clears int = 1;
DECLARE @some_wait int = CASE WHEN @room = 0 AND @stopped = 0 AND EXISTS (
  SELECT 1 FROM dbo.InboxMessages m WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
   WHERE m.Consumer = @consumer AND m.DueAt IS NOT NULL AND m.State IN (0, 3, 4) AND m.DueAt <= @now
     AND NOT (@status_queries = 1 AND m.DoubtedOnUtc IS NOT NULL AND m.NotFound < 2)) THEN 1 ELSE 0 END;
