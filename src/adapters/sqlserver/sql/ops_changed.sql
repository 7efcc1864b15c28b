-- ops_changed: ends the batch of a change that met one row or none; records the action if it met one.
-- @actor, @action, @target, @reason
DECLARE @changed int = @@ROWCOUNT;
IF @changed > 0
  INSERT dbo.OperatorActions (OnUtc, Actor, Action, Target, Reason) VALUES (@now, @actor, @action, @target, @reason);
COMMIT TRAN;
SELECT @changed AS Done;
