-- rate_limit_waits: stores whether mails wait for the provider's rate limit, and until when. @provider, @room, @room_on,
-- @some_wait, @clears 1: all waiting mails were checked
UPDATE dbo.Destinations
   SET PacedUntilUtc = CASE WHEN @room = 0 AND @some_wait = 1 THEN @room_on ELSE NULL END
 WHERE Name = @provider
   AND (@per_minute > 0 OR @per_hour > 0)
   AND ((@clears = 1 AND PacedUntilUtc IS NOT NULL) OR (@room = 0 AND @some_wait = 1));
