-- rate_limit_settle: its sending has ended by now, if it did not end before. :token, :id, :now
UPDATE MailAttempts SET OnUtc = :now WHERE Token = :token AND MessageId = :id AND OnUtc > :now;
