-- rate_limit_room: how many more mails may be sent to the provider now, and if none, when the next one may be; begins the
-- batch's transaction. @provider, @per_minute and @per_hour 0 for no limit, @minute_ms, @hour_ms, @lease_max_ms
BEGIN TRAN;
DECLARE @room int = 1000000, @room_on datetime2(7) = NULL;
IF @per_minute > 0 OR @per_hour > 0
BEGIN
  -- One lease at a time from here to the commit, by a lock that needs no hint: two that count at once would both take
  -- the last allowed mail.
  UPDATE dbo.Destinations SET Failures = Failures WHERE Name = @provider;
  IF @@ROWCOUNT = 0
    INSERT dbo.Destinations (Name) VALUES (@provider);
  DECLARE @minute_began datetime2(7) = DATEADD(millisecond, -@minute_ms, @now);
  DECLARE @hour_began datetime2(7) = DATEADD(millisecond, -@hour_ms, @now);
  DELETE FROM dbo.MailAttempts WHERE Provider = @provider AND OnUtc <= @hour_began;
  -- Attempts stored before the clock was set back would count for too long: no lease made now ends later.
  DECLARE @latest datetime2(7) = DATEADD(millisecond, @lease_max_ms, @now);
  UPDATE dbo.MailAttempts SET OnUtc = @latest WHERE Provider = @provider AND OnUtc > @latest;
  DECLARE @minute_mails int = (SELECT COUNT(*) FROM dbo.MailAttempts WHERE Provider = @provider AND OnUtc > @minute_began);
  DECLARE @hour_mails int = (SELECT COUNT(*) FROM dbo.MailAttempts WHERE Provider = @provider AND OnUtc > @hour_began);
  IF @per_minute > 0 AND @per_minute - @minute_mails < @room
    SET @room = @per_minute - @minute_mails;
  IF @per_hour > 0 AND @per_hour - @hour_mails < @room
    SET @room = @per_hour - @hour_mails;
  IF @room <= 0
  BEGIN
    SET @room = 0;
    -- The next mail may be sent when the oldest of those that use up the limit has left its window.
    DECLARE @next_on datetime2(7);
    IF @per_minute > 0 AND @minute_mails >= @per_minute
      SET @room_on = DATEADD(millisecond, @minute_ms, (SELECT MIN(n.OnUtc) FROM (SELECT TOP (@per_minute) a.OnUtc
        FROM dbo.MailAttempts a WHERE a.Provider = @provider ORDER BY a.OnUtc DESC) AS n));
    IF @per_hour > 0 AND @hour_mails >= @per_hour
    BEGIN
      SET @next_on = DATEADD(millisecond, @hour_ms, (SELECT MIN(n.OnUtc) FROM (SELECT TOP (@per_hour) a.OnUtc
        FROM dbo.MailAttempts a WHERE a.Provider = @provider ORDER BY a.OnUtc DESC) AS n));
      IF @room_on IS NULL OR @room_on < @next_on
        SET @room_on = @next_on;
    END;
  END;
END;
