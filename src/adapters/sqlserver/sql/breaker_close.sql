-- breaker_close: only by the probe's holder; a batch that was under way when the breaker opened proves nothing.
-- @news 0: nothing new is known; @name, @token
UPDATE dbo.Destinations
   SET OpenUntil = NULL, OpenedOnUtc = NULL, ProbeToken = NULL, Failures = 0, Reason = NULL, RefusedAlike = NULL
 WHERE @news = 1 AND Name = @name AND ProbeToken = @token;
