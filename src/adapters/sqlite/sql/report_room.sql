-- report_room: how many mails were handed to a provider, or are about to be, within each window of its rate limit.
-- :provider, :now, :minute_ms, :hour_ms
SELECT count(*) FILTER (WHERE OnUtc > :now - :minute_ms) AS InMinute, count(*) AS InHour
  FROM MailAttempts INDEXED BY IX_MailAttempts_Recent
 WHERE Provider = :provider AND OnUtc > :now - :hour_ms;
