-- outbox_followers: the pending rows behind a row that was put back wait with it, never less than before.
IF EXISTS (SELECT 1 FROM @done d JOIN @in i ON i.Seq = d.Seq WHERE i.Kind = 1 AND i.DelayMs > 0)
  UPDATE f
     SET DueAt = h.DueAt
    FROM dbo.OutboxMessages f
    JOIN (SELECT t.Seq, t.Destination, t.OrderingKey, t.DueAt
            FROM @done d
            JOIN @in i ON i.Seq = d.Seq
            JOIN dbo.OutboxMessages t ON t.Seq = d.Seq
           WHERE i.Kind = 1 AND i.DelayMs > 0) AS h
      ON f.Destination = h.Destination AND f.OrderingKey = h.OrderingKey AND f.Seq > h.Seq
   WHERE f.State < 2 AND f.State = 0 AND f.DueAt < h.DueAt;
