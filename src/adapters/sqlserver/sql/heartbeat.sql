-- heartbeat: a run of a timer function has ended on this instance. @function, @instance, @next_in_s, @error
UPDATE h
   SET LastRunOnUtc = @now, NextByUtc = DATEADD(second, @next_in_s, @now), Error = @error
  FROM dbo.Heartbeats h WITH (FORCESEEK, INDEX(PK_Heartbeats))
 WHERE h.[Function] = @function AND h.Instance = @instance;
IF @@ROWCOUNT = 0
  INSERT dbo.Heartbeats ([Function], Instance, LastRunOnUtc, NextByUtc, Error)
  VALUES (@function, @instance, @now, DATEADD(second, @next_in_s, @now), @error);
