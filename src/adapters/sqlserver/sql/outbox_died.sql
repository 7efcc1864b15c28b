-- outbox_died: the rows of @seqs, which became dead without a settle.
DECLARE @tried TABLE (Seq bigint NOT NULL PRIMARY KEY, Id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL, State int NOT NULL,
  Outcome int NULL, Error nvarchar(max) NULL, Fingerprint nvarchar(32) COLLATE Latin1_General_BIN2 NULL);
INSERT @tried (Seq, Id, State, Outcome, Error, Fingerprint)
SELECT t.Seq, t.Id, t.State, t.LastOutcome, t.LastError, t.Fingerprint
  FROM @seqs d
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
 WHERE t.State = 3
OPTION (FORCE ORDER, LOOP JOIN);
DECLARE @counted TABLE (Bucket int NULL, SinceUtc datetime2(7) NULL);
INSERT @counted (Bucket, SinceUtc) SELECT -2, NULL FROM @tried;
