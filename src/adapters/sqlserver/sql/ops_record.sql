-- ops_record: who did what, and why; only for what was done. Ends the batch of a remedy. @actor, @action, @reason
INSERT dbo.OperatorActions (OnUtc, Actor, Action, Target, Reason)
SELECT @now, @actor, @action, i.Target, @reason
  FROM @in i
  JOIN @done d ON d.Seq = i.Seq
 ORDER BY i.Seq;
COMMIT TRAN;
SELECT 0 AS Changed;
SELECT Seq AS DoneSeq FROM @done;
