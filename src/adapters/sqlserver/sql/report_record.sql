-- report_record: records what an operator did with one message that changed no row.
-- @actor, @action, @id, @reason
BEGIN TRAN;
INSERT dbo.OperatorActions (OnUtc, Actor, Action, Target, Reason, Rows) VALUES (@now, @actor, @action, @id, @reason, 0);
DECLARE @recorded bigint = SCOPE_IDENTITY();
