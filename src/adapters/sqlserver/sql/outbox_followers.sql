-- outbox_followers: delays the pending rows behind a row that was put back; no row becomes due earlier than before.
-- READPAST: a locked row keeps its earlier time, and still waits for its head. Found first, then moved: on Babelfish an
-- UPDATE that joined its own table a second time took the wrong one for its target.
IF EXISTS (SELECT 1 FROM @done d JOIN @in i ON i.Seq = d.Seq WHERE i.Kind = 1 AND i.DelayMs > 0)
BEGIN
  DECLARE @behind TABLE (Seq bigint NOT NULL PRIMARY KEY, DueAt datetime2(7) NOT NULL);
  INSERT @behind (Seq, DueAt)
  SELECT f.Seq, MAX(t.DueAt)
    FROM @done d
    JOIN @in i ON i.Seq = d.Seq
    JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
    JOIN dbo.OutboxMessages f WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Key))
      ON f.Destination = t.Destination AND f.OrderingKey = t.OrderingKey AND f.Seq > t.Seq
   WHERE i.Kind = 1 AND i.DelayMs > 0 AND f.State < 2 AND f.State = 0 AND f.DueAt < t.DueAt
   GROUP BY f.Seq
  OPTION (FORCE ORDER, LOOP JOIN);
  UPDATE f
     SET DueAt = b.DueAt
    FROM @behind b
    JOIN dbo.OutboxMessages f WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON f.Seq = b.Seq
   WHERE f.State = 0 AND f.DueAt < b.DueAt
  OPTION (FORCE ORDER, LOOP JOIN);
END;
