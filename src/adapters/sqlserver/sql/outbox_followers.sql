-- outbox_followers: the pending rows behind a row that was put back wait with it, never less than before.
-- READPAST: one that is held keeps its earlier time, and waits for its head all the same.
IF EXISTS (SELECT 1 FROM @done d JOIN @in i ON i.Seq = d.Seq WHERE i.Kind = 1 AND i.DelayMs > 0)
  UPDATE f
     SET DueAt = t.DueAt
    FROM @done d
    JOIN @in i ON i.Seq = d.Seq
    JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
    JOIN dbo.OutboxMessages f WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Key))
      ON f.Destination = t.Destination AND f.OrderingKey = t.OrderingKey AND f.Seq > t.Seq
   WHERE i.Kind = 1 AND i.DelayMs > 0 AND f.State < 2 AND f.State = 0 AND f.DueAt < t.DueAt
  OPTION (FORCE ORDER, LOOP JOIN);
