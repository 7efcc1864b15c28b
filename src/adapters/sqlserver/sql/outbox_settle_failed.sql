-- outbox_settle_failed: the rows of a settle that were not sent.
DECLARE @tried TABLE (Seq bigint NOT NULL PRIMARY KEY, Id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL, State int NOT NULL,
  Outcome int NULL, Error nvarchar(max) NULL, Fingerprint nvarchar(32) COLLATE Latin1_General_BIN2 NULL);
INSERT @tried (Seq, Id, State, Outcome, Error, Fingerprint)
SELECT d.Seq, d.Id, CASE i.Kind WHEN 1 THEN 0 ELSE 3 END, i.Outcome, i.Error, i.Fingerprint
  FROM @done d
  JOIN @in i ON i.Seq = d.Seq
 WHERE i.Kind <> 0;
