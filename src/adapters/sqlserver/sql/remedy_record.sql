-- remedy_record: who did what to how many rows, and why; nothing where nothing was changed.
-- @changed of the batch; @actor, @action, @target, @reason
DECLARE @entry bigint;
IF @changed > 0
BEGIN
  INSERT dbo.OperatorActions (OnUtc, Actor, Action, Target, Reason, Rows)
  VALUES (@now, @actor, @action, @target, @reason, @changed);
  SET @entry = SCOPE_IDENTITY();
END;
