-- rate_limit_query: counts a status query if the rate limit allows it; a repeat of the lease counts once. Ends the batch
-- that rate_limit_room began. @id, @token, @provider the name under which its queries count, @lease_ms
IF @room > 0
  INSERT dbo.MailAttempts (Token, MessageId, Provider, OnUtc)
  SELECT @token, @id, @provider, DATEADD(millisecond, @lease_ms, @now)
   WHERE NOT EXISTS (SELECT 1 FROM dbo.MailAttempts a WHERE a.Token = @token AND a.MessageId = @id);
SELECT CASE WHEN EXISTS (SELECT 1 FROM dbo.MailAttempts a WHERE a.Token = @token AND a.MessageId = @id) THEN 1 ELSE 0 END AS MayQuery,
       @room_on AS RoomOnUtc, @now AS CurrentUtc;
COMMIT TRAN;
