-- ops_followers_due: what waited behind discarded rows is due now.
-- READPAST: one that is held keeps its time, and goes then.
UPDATE f
   SET DueAt = @now
  FROM @done d
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
  JOIN dbo.OutboxMessages f WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Key))
    ON f.Destination = t.Destination AND f.OrderingKey = t.OrderingKey AND f.Seq > t.Seq
 WHERE f.State < 2 AND f.State = 0
OPTION (FORCE ORDER, LOOP JOIN);
