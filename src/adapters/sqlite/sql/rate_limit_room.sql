-- rate_limit_room: how many more mails may be sent to the provider now, and if none, when the next one may be.
-- :provider, :now, :per_minute and :per_hour 0 for no limit, :minute_ms, :hour_ms
SELECT max(0, min(iif(:per_minute > 0, :per_minute - minute.Mails, 1000000),
                  iif(:per_hour > 0, :per_hour - hour.Mails, 1000000))) AS Room,
       -- The next mail may be sent when the oldest of those that use up the limit has left its window.
       max(iif(:per_minute > 0 AND minute.Mails >= :per_minute, minute.Oldest + :minute_ms, 0),
           iif(:per_hour > 0 AND hour.Mails >= :per_hour, hour.Oldest + :hour_ms, 0)) AS RoomOnUtc
  FROM (SELECT (SELECT count(*) FROM MailAttempts WHERE Provider = :provider AND OnUtc > :now - :minute_ms) AS Mails,
               (SELECT min(OnUtc) FROM (SELECT OnUtc FROM MailAttempts WHERE Provider = :provider
                                         ORDER BY OnUtc DESC LIMIT :per_minute)) AS Oldest) AS minute,
       (SELECT (SELECT count(*) FROM MailAttempts WHERE Provider = :provider AND OnUtc > :now - :hour_ms) AS Mails,
               (SELECT min(OnUtc) FROM (SELECT OnUtc FROM MailAttempts WHERE Provider = :provider
                                         ORDER BY OnUtc DESC LIMIT :per_hour)) AS Oldest) AS hour;
