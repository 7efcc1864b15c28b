-- rate_limit_forget: mails that no window holds any more. :provider, :before
DELETE FROM MailAttempts WHERE Provider = :provider AND OnUtc <= :before;
