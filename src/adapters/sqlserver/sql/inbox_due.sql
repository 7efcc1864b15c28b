-- inbox_due: mails to take up now, oldest due first; begins the batch of taking them.
-- @consumer, @provider name of its breaker, @probe 1 and @token: it holds the provider's probe; @rows_max
DECLARE @due TABLE (MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, WasDueAt datetime2(7) NOT NULL);
BEGIN TRAN;
INSERT @due (MessageId, WasDueAt)
SELECT TOP (@rows_max) m.MessageId, m.DueAt
  FROM dbo.InboxMessages m WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)
 -- The IN list repeats the index's filter.
 WHERE m.Consumer = @consumer AND m.State IN (0, 1, 3, 4) AND m.State <> 1 AND m.DueAt <= @now
   AND NOT EXISTS (SELECT 1 FROM dbo.Destinations d
                    WHERE d.Name = @provider
                      AND (d.PausedOnUtc IS NOT NULL
                           OR (d.OpenUntil IS NOT NULL AND NOT (@probe = 1 AND d.ProbeToken IS NOT NULL AND d.ProbeToken = @token))))
 ORDER BY m.DueAt, m.MessageId;
