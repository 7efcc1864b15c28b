-- ops_discard: marks rows as discarded: they are never sent.
INSERT @done (Seq)
SELECT t.Seq
  FROM dbo.OutboxMessages t WITH (ROWLOCK, UPDLOCK)
  JOIN @in i ON i.Seq = t.Seq AND i.State = t.State;
UPDATE t
   SET State = 4, ProcessedOnUtc = @now, LeaseToken = NULL
  FROM dbo.OutboxMessages t
  JOIN @in i ON i.Seq = t.Seq AND i.State = t.State;
