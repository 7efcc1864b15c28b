-- outbox_claim_lease: leases the heads within the byte bound, and ends the batch of a claim. @token, @lease_ms, @bytes_max
-- The first is leased whatever its size; otherwise it would wait for ever.
-- The predicate is repeated: without it, a server that ignores lock hints would lease a row twice.
-- IN, not a join: Babelfish reads the whole table for each row of an UPDATE with a join and OUTPUT.
DECLARE @taken TABLE (Seq bigint NOT NULL PRIMARY KEY, WasDueAt datetime2(7) NOT NULL);
INSERT @taken (Seq, WasDueAt)
SELECT h.Seq, h.DueAt
  FROM (SELECT Seq, DueAt, ROW_NUMBER() OVER (ORDER BY DueAt, Seq) AS Place,
               SUM(Bytes) OVER (ORDER BY DueAt, Seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS Total
          FROM @heads) AS h
 WHERE h.Place = 1 OR h.Total <= @bytes_max;
-- Claims is bounded: another program's row may have the largest number, and no batch of its destination would be claimed.
UPDATE t
   SET State = 1, LeaseToken = @token, Claims = CASE WHEN t.Claims < 1000000 THEN t.Claims + 1 ELSE t.Claims END, DueAt = DATEADD(millisecond, @lease_ms, @now)
OUTPUT inserted.Seq AS Seq, inserted.Id AS Id, inserted.EventType AS EventType, inserted.OrderingKey AS OrderingKey, inserted.ContentType AS ContentType, inserted.Payload AS Payload,
       inserted.Headers AS Headers, inserted.OccurredOnUtc AS OccurredOnUtc, inserted.Claims AS Claims, inserted.RetryCount AS RetryCount,
       inserted.LastOutcome AS LastOutcome, inserted.LastAttemptOnUtc AS LastAttemptOnUtc
  FROM dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages))
 WHERE t.Seq IN (SELECT c.Seq FROM @taken c) AND t.State < 2 AND t.DueAt <= @now
OPTION (LOOP JOIN);
COMMIT TRAN;
-- The order of sending: OUTPUT has none, and on Babelfish it returns only columns of the new row.
SELECT Seq AS TakenSeq, WasDueAt FROM @taken;
SELECT @dead AS SetDead, @breaker_failures AS Failures, @accepted AS LastAcceptedOnUtc;
