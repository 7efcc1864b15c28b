-- remedy_followers_due: rows that waited behind rows that leave their key become due now.
-- READPAST: a locked row keeps its time, and is sent then. In two steps, like outbox_followers.
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
