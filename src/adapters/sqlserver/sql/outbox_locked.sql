-- outbox_locked: counts rows that have been due for @held_ms and are locked by another transaction; @held_max rows are
-- checked. The oldest ones suffice: a transaction that locks more locks one of these. The query never waits for a lock.
SELECT COUNT(*) AS HeldRows
  FROM (SELECT TOP (@held_max) o.Seq FROM dbo.OutboxMessages o WITH (READUNCOMMITTED, INDEX(IX_Outbox_Due))
         WHERE o.State < 2 AND o.DueAt <= DATEADD(millisecond, -@held_ms, @now)
         ORDER BY o.DueAt) AS h
 WHERE NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages k WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(PK_OutboxMessages))
                    WHERE k.Seq = h.Seq);
