-- ops_followers_due: what waited behind discarded rows is due now.
-- READPAST: one that is held keeps its time, and goes then. In two steps, as outbox_followers.
DECLARE @freed TABLE (Seq bigint NOT NULL PRIMARY KEY);
INSERT @freed (Seq)
SELECT DISTINCT f.Seq
  FROM @done d
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
  JOIN dbo.OutboxMessages f WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(IX_Outbox_Key))
    ON f.Destination = t.Destination AND f.OrderingKey = t.OrderingKey AND f.Seq > t.Seq
 WHERE f.State < 2 AND f.State = 0
OPTION (FORCE ORDER, LOOP JOIN);
UPDATE f
   SET DueAt = @now
  FROM @freed r
  JOIN dbo.OutboxMessages f WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON f.Seq = r.Seq
 WHERE f.State = 0
OPTION (FORCE ORDER, LOOP JOIN);
