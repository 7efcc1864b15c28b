-- breaker_close: only by the probe's holder; a batch that was on its way when it opened proves nothing.
-- @news 0: nothing was learnt; @name, @token
UPDATE dbo.Destinations
   SET OpenUntil = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
 WHERE @news = 1 AND Name = @name AND ProbeToken = @token;
