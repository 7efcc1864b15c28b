-- outbox_route_end: finishes rows without a destination: their Id was routed before, or no route wants their event.
DECLARE @duplicates int, @discarded int;
UPDATE t
   SET State = 3, LastOutcome = NULL, LeaseToken = NULL, Claims = 0,
       LastError = N'duplicate id: another row with this Id has a destination already. Discard it, or insert it again with an Id of its own'
  FROM @rows r
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = r.Seq
 WHERE r.Twin = 1
OPTION (FORCE ORDER, LOOP JOIN);
SET @duplicates = @@ROWCOUNT;
UPDATE t
   SET State = 4, ProcessedOnUtc = @now, LastOutcome = NULL, LeaseToken = NULL, Claims = 0,
       LastError = CONCAT(N'Routes__', r.EventType, N' is set to nothing: this event goes to nobody')
  FROM @rows r
  JOIN @route w ON w.EventType = r.EventType AND w.Place = 0
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = r.Seq
 WHERE r.Twin = 0 AND w.Destination IS NULL
OPTION (FORCE ORDER, LOOP JOIN);
SET @discarded = @@ROWCOUNT;
