-- outbox_lease: takes the heads within the byte bound, and ends the batch of a claim. @token, @lease_ms, @bytes_max
-- The first goes whatever its size: were it skipped, it would wait for ever.
-- The predicate is repeated: a server that ignores lock hints would hand a row out twice without it.
DECLARE @taken TABLE (Seq bigint NOT NULL PRIMARY KEY);
INSERT @taken (Seq)
SELECT h.Seq
  FROM (SELECT Seq, ROW_NUMBER() OVER (ORDER BY DueAt, Seq) AS Place,
               SUM(Bytes) OVER (ORDER BY DueAt, Seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS Total
          FROM @heads) AS h
 WHERE h.Place = 1 OR h.Total <= @bytes_max;
UPDATE t
   SET State = 1, LeaseToken = @token, Claims = t.Claims + 1, DueAt = DATEADD(millisecond, @lease_ms, @now)
OUTPUT inserted.Seq, inserted.Id, inserted.EventType, inserted.OrderingKey, inserted.ContentType, inserted.Payload,
       inserted.Headers, inserted.OccurredOnUtc, deleted.DueAt, inserted.Claims, inserted.RetryCount,
       inserted.LastOutcome, inserted.LastAttemptOnUtc
  FROM dbo.OutboxMessages t
  JOIN @taken c ON c.Seq = t.Seq
 WHERE t.State < 2 AND t.DueAt <= @now
OPTION (LOOP JOIN);
COMMIT TRAN;
SELECT @dead AS SetDead, @failures AS Failures, @accepted AS LastAcceptedOnUtc;
