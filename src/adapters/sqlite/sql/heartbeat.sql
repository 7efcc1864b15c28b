-- heartbeat: a run of a timer function has ended on this instance. :function, :instance, :next_in_ms, :error, :now
INSERT INTO Heartbeats (Function, Instance, LastRunOnUtc, NextByUtc, Error)
VALUES (:function, :instance, :now, :now + :next_in_ms, :error)
ON CONFLICT (Function, Instance)
DO UPDATE SET LastRunOnUtc = excluded.LastRunOnUtc, NextByUtc = excluded.NextByUtc, Error = excluded.Error
