-- rate_limit_forget: deletes attempts that are older than every window. :provider, :before
DELETE FROM MailAttempts WHERE Provider = :provider AND OnUtc <= :before;
