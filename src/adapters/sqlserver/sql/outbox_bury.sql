-- outbox_bury: rows of a destination that can be none are dead. @destination, @error, @rows_max
UPDATE t
   SET State = 3, LastError = @error, LastOutcome = NULL, LeaseToken = NULL, Claims = 0
  FROM dbo.OutboxMessages t
 WHERE (t.State = 0 OR (t.State = 1 AND t.DueAt <= @now))
   AND t.Seq IN (SELECT TOP (@rows_max) o.Seq
                   FROM dbo.OutboxMessages o
                  WHERE o.Destination = @destination AND o.State < 2 AND (o.State = 0 OR o.DueAt <= @now)
                  ORDER BY o.Seq);
SELECT @@ROWCOUNT AS Done;
