-- rate_limit_settle: the sending of a mail has ended, now at the latest. :token, :id, :now
UPDATE MailAttempts SET OnUtc = :now WHERE Token = :token AND MessageId = :id AND OnUtc > :now;
