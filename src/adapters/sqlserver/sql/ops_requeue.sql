-- ops_requeue: finished rows go again. What their last publish came to stays, for whoever reads it.
-- @out_of_order 1 or 0, @judged when they were judged
INSERT @done (Seq)
SELECT t.Seq
  FROM dbo.OutboxMessages t WITH (ROWLOCK, UPDLOCK)
  JOIN @in i ON i.Seq = t.Seq AND i.State = t.State;
UPDATE t
   SET State = 0, RetryCount = 0, Claims = 0, LeaseToken = NULL, ProcessedOnUtc = NULL, DueAt = @now
  FROM dbo.OutboxMessages t
  JOIN @in i ON i.Seq = t.Seq AND i.State = t.State;
-- Looked at once more, after our rows hold the line: what came since the judgement undoes all of it.
IF EXISTS (SELECT 1 FROM @done d
             JOIN dbo.OutboxMessages t ON t.Seq = d.Seq
             JOIN dbo.OutboxMessages b WITH (READCOMMITTEDLOCK)
               ON b.Destination = t.Destination AND b.OrderingKey = t.OrderingKey AND b.Seq <> t.Seq
            WHERE b.State < 2 AND b.State = 1)
   OR (@out_of_order = 0 AND EXISTS (
       SELECT 1 FROM @done d
         JOIN dbo.OutboxMessages t ON t.Seq = d.Seq
         JOIN dbo.OutboxMessages b
           ON b.Destination = t.Destination AND b.OrderingKey = t.OrderingKey AND b.Seq > t.Seq
        WHERE b.State = 2 AND b.ProcessedOnUtc >= @judged))
BEGIN
  ROLLBACK TRAN;
  SELECT 1 AS Changed;
  RETURN;
END;
