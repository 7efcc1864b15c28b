-- remedy_order: checks the order again, now that our rows block their keys: a row that came since the judgement undoes
-- all of it. @out_of_order 1 or 0; @judged when the rows were judged: a settle that began before may have ended after
IF EXISTS (SELECT 1 FROM @done d
             JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
             JOIN dbo.OutboxMessages b WITH (READCOMMITTEDLOCK)
               ON b.Destination = t.Destination AND b.OrderingKey = t.OrderingKey AND b.Seq <> t.Seq
            WHERE b.State < 2 AND b.State = 1)
   OR (@out_of_order = 0 AND EXISTS (
       SELECT 1 FROM @done d
         JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
         JOIN dbo.OutboxMessages b
           ON b.Destination = t.Destination AND b.OrderingKey = t.OrderingKey AND b.Seq > t.Seq
        WHERE (b.State = 2 AND b.ProcessedOnUtc >= DATEADD(minute, -1, @judged))
              -- Sent, or perhaps, as remedy_facts has it.
           OR (b.LastAttemptOnUtc >= DATEADD(minute, -1, @judged)
               AND (b.LastOutcome IN (0, 3, 4)
                    OR EXISTS (SELECT 1 FROM dbo.OutboxAttempts a WHERE a.Seq = b.Seq AND a.Outcome IN (3, 4))))))
BEGIN
  ROLLBACK TRAN;
  SELECT 1 AS Ended;
  RETURN;
END;
