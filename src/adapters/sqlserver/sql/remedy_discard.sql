-- remedy_discard: marks rows as discarded: they are never sent.
UPDATE t
   SET State = 4, ProcessedOnUtc = @now, LeaseToken = NULL
  FROM @done d
  JOIN dbo.OutboxMessages t WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = d.Seq
OPTION (FORCE ORDER, LOOP JOIN);
