-- outbox_route_end: finishes rows without a destination: their Id was routed before, or no route wants their event.
-- @duplicate the error of the former, @fingerprint its group
DECLARE @duplicates int, @discarded int;
UPDATE t
   SET State = 3, LastOutcome = NULL, LeaseToken = NULL, Claims = 0, LastError = @duplicate, Fingerprint = @fingerprint
  FROM @rows r
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = r.Seq
 WHERE r.Twin = 1
OPTION (FORCE ORDER, LOOP JOIN);
SET @duplicates = @@ROWCOUNT;
UPDATE t
   SET State = 4, ProcessedOnUtc = @now, LastOutcome = NULL, LeaseToken = NULL, Claims = 0, Fingerprint = NULL,
       LastError = CONCAT(N'Routes__', r.EventType, N' is set to nothing: this event goes to nobody')
  FROM @rows r
  JOIN @route w ON w.EventType = r.EventType AND w.Place = 0
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = r.Seq
 WHERE r.Twin = 0 AND w.Destination IS NULL
OPTION (FORCE ORDER, LOOP JOIN);
SET @discarded = @@ROWCOUNT;
DECLARE @seqs TABLE (Seq bigint NOT NULL PRIMARY KEY);
INSERT @seqs (Seq) SELECT r.Seq FROM @rows r WHERE r.Twin = 1;
