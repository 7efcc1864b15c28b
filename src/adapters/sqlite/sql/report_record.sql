-- report_record: records what an operator did with one message that changed no row.
-- :now, :actor, :action, :id, :reason
INSERT INTO OperatorActions (OnUtc, Actor, Action, Target, Reason, Rows) VALUES (:now, :actor, :action, :id, :reason, 0);
