-- ops_requeue: makes finished rows pending again. The outcome of their last publish stays.
-- @out_of_order 1 or 0, @judged when the rows were judged
INSERT @done (Seq)
SELECT t.Seq
  FROM dbo.OutboxMessages t WITH (ROWLOCK, UPDLOCK)
  JOIN @in i ON i.Seq = t.Seq AND i.State = t.State;
UPDATE t
   SET State = 0, RetryCount = 0, Claims = 0, LeaseToken = NULL, ProcessedOnUtc = NULL, DueAt = @now
  FROM dbo.OutboxMessages t
  JOIN @in i ON i.Seq = t.Seq AND i.State = t.State;
-- Checked again, now that our rows block their keys: a row that came since the judgement undoes all of it.
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
