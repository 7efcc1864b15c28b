-- outbox_settle: stores the outcome of each row of one claim, by the token; begins the batch of a settle.
-- @token, @rows JSON [{n: position, s: Seq, k: 0 sent 1 back 2 dead, d: delay ms, c: Claims after, r: retries burnt,
-- o: outcome, e: error, f: fingerprint of its failure}]. o NULL for a row put back: it was not tried, so the data of the last try stays.
DECLARE @in TABLE (
  Place int NOT NULL PRIMARY KEY, Seq bigint NOT NULL, Kind int NOT NULL, DelayMs int NOT NULL, Claims int NOT NULL,
  Retries int NOT NULL, Outcome int NULL, Error nvarchar(max) NULL, Fingerprint nvarchar(32) COLLATE Latin1_General_BIN2 NULL);
INSERT @in (Place, Seq, Kind, DelayMs, Claims, Retries, Outcome, Error, Fingerprint)
SELECT n, s, k, d, c, r, o, e, f
  FROM OPENJSON(@rows) WITH (n int '$.n', s bigint '$.s', k int '$.k', d int '$.d', c int '$.c', r int '$.r', o int '$.o',
                             e nvarchar(max) '$.e', f nvarchar(32) '$.f');
DECLARE @done TABLE (Seq bigint NOT NULL PRIMARY KEY, Id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  OccurredOnUtc datetime2(7) NOT NULL);
BEGIN TRAN;
-- READPAST: a row that another transaction locks must not delay the others of its claim.
INSERT @done (Seq, Id, OccurredOnUtc)
SELECT t.Seq, t.Id, t.OccurredOnUtc
  FROM @in i
  JOIN dbo.OutboxMessages t WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = i.Seq
 WHERE t.LeaseToken = @token AND t.State = 1
OPTION (FORCE ORDER, LOOP JOIN);
-- The token stays, so that a repeat of this settle is recognised.
UPDATE t
   SET State = CASE i.Kind WHEN 0 THEN 2 WHEN 1 THEN 0 ELSE 3 END,
       DueAt = CASE WHEN i.Kind = 1 THEN DATEADD(millisecond, i.DelayMs, @now) ELSE t.DueAt END,
       Claims = i.Claims,
       RetryCount = CASE WHEN t.RetryCount > 1000000 THEN 1000000 ELSE t.RetryCount END + i.Retries,
       LastOutcome = CASE WHEN i.Kind = 1 THEN COALESCE(i.Outcome, t.LastOutcome) ELSE i.Outcome END,
       LastAttemptOnUtc = CASE WHEN i.Kind = 1 AND i.Outcome IS NULL THEN t.LastAttemptOnUtc ELSE @now END,
       LastError = CASE WHEN i.Kind = 1 THEN COALESCE(i.Error, t.LastError) ELSE i.Error END,
       Fingerprint = CASE WHEN i.Kind = 0 THEN NULL ELSE COALESCE(i.Fingerprint, t.Fingerprint) END,
       ProcessedOnUtc = CASE WHEN i.Kind = 0 THEN @now ELSE t.ProcessedOnUtc END
  FROM @done d
  JOIN @in i ON i.Seq = d.Seq
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
 WHERE t.LeaseToken = @token AND t.State = 1
OPTION (FORCE ORDER, LOOP JOIN);
DECLARE @counted TABLE (Bucket int NULL, SinceUtc datetime2(7) NULL);
INSERT @counted (Bucket, SinceUtc)
SELECT CASE i.Kind WHEN 1 THEN -1 WHEN 2 THEN -2 END, CASE WHEN i.Kind = 0 THEN d.OccurredOnUtc END
  FROM @done d
  JOIN @in i ON i.Seq = d.Seq
 WHERE i.Kind <> 1 OR i.Outcome IS NOT NULL;
