-- remedy_record: who did what to how many rows, and why. Returns the entry's number.
-- :now, :actor, :action, :target, :reason, :rows
INSERT INTO OperatorActions (OnUtc, Actor, Action, Target, Reason, Rows)
VALUES (:now, :actor, :action, :target, :reason, :rows)
RETURNING Id;
