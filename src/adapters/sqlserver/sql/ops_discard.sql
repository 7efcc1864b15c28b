-- ops_discard: rows that never go.
UPDATE t
   SET State = 4, ProcessedOnUtc = @now, LeaseToken = NULL
OUTPUT inserted.Seq INTO @done (Seq)
  FROM dbo.OutboxMessages t
  JOIN @in i ON i.Seq = t.Seq AND i.State = t.State;
