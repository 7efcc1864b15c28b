-- ops_record: who did what, and why.
-- :now, :actor, :action, :target, :reason
INSERT INTO OperatorActions (OnUtc, Actor, Action, Target, Reason) VALUES (:now, :actor, :action, :target, :reason);
