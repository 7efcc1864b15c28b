-- outbox_locked: rows that should have gone a while ago, and that another's transaction holds. @held_ms how long a while is,
-- @held_max
-- Only the oldest are looked at: whoever holds more holds one of these. It asks for no lock that it would wait for.
SELECT COUNT(*) AS HeldRows
  FROM (SELECT TOP (@held_max) o.Seq FROM dbo.OutboxMessages o WITH (READUNCOMMITTED, INDEX(IX_Outbox_Due))
         WHERE o.State < 2 AND o.DueAt <= DATEADD(millisecond, -@held_ms, @now)
         ORDER BY o.DueAt) AS h
 WHERE NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages k WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(PK_OutboxMessages))
                    WHERE k.Seq = h.Seq);
