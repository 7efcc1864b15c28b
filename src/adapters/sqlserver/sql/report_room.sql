-- report_room: how many mails were handed to a provider, or are about to be, within each window of its rate limit.
-- @provider, @minute_ms, @hour_ms
DECLARE @minute_began datetime2(7) = DATEADD(millisecond, -@minute_ms, @now);
DECLARE @hour_began datetime2(7) = DATEADD(millisecond, -@hour_ms, @now);
SELECT COALESCE(SUM(CASE WHEN OnUtc > @minute_began THEN 1 ELSE 0 END), 0) AS InMinute, COUNT(*) AS InHour
  FROM dbo.MailAttempts
 WHERE Provider = @provider AND OnUtc > @hour_began;
