-- rate_limit_repair: shortens attempts stored before the clock was set back; else they would count for too long.
-- :provider, :latest the latest end of a lease made now
UPDATE MailAttempts SET OnUtc = :latest WHERE Provider = :provider AND OnUtc > :latest;
