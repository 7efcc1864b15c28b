-- outbox_claim_expire: dead-letters rows whose leases ran out too often. @destination, @claims_max, @expired_max, @fingerprint
-- The token is removed, so that a late settle by the last holder gets "lease lost".
-- It is unknown whether the bus stored the message: outcome 3 (unknown), at the latest when the lease ended.
-- State = 1 and @claims_max imply "State < 2 AND Claims >= 2", but IX_Outbox_Suspect only matches if they are written.
DECLARE @seqs TABLE (Seq bigint NOT NULL PRIMARY KEY);
INSERT @seqs (Seq)
SELECT TOP (@expired_max) o.Seq
  FROM dbo.OutboxMessages o WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Suspect))
 WHERE o.Destination = @destination AND o.State < 2 AND o.Claims >= 2
   AND o.State = 1 AND o.DueAt <= @now AND o.Claims >= @claims_max
 ORDER BY o.DueAt, o.Seq;
UPDATE t
   SET State = 3,
       LeaseToken = NULL,
       LastOutcome = 3,
       LastAttemptOnUtc = t.DueAt,
       Fingerprint = @fingerprint,
       LastError = CONCAT(N'claimed ', t.Claims, N' times and never settled: whoever publishes it dies or hangs. ',
                          N'Look at it with `ops show`, then requeue or discard it')
  FROM @seqs e
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = e.Seq
 WHERE t.State = 1 AND t.DueAt <= @now
OPTION (FORCE ORDER, LOOP JOIN);
SET @dead = @@ROWCOUNT;
