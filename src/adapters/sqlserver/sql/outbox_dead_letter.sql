-- outbox_dead_letter: dead-letters the rows of an invalid destination. @destination, @error, @fingerprint, @rows_max; begins a batch
DECLARE @seqs TABLE (Seq bigint NOT NULL PRIMARY KEY);
BEGIN TRAN;
INSERT @seqs (Seq)
SELECT TOP (@rows_max) o.Seq
  FROM dbo.OutboxMessages o WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
 WHERE o.Destination = @destination AND o.State < 2 AND (o.State = 0 OR o.DueAt <= @now)
 ORDER BY o.DueAt, o.Seq;
UPDATE t
   SET State = 3, LastError = @error, LastOutcome = NULL, Fingerprint = @fingerprint, LeaseToken = NULL, Claims = 0
  FROM @seqs b
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = b.Seq
 WHERE t.State = 0 OR (t.State = 1 AND t.DueAt <= @now)
OPTION (FORCE ORDER, LOOP JOIN);
DECLARE @done int = @@ROWCOUNT;
