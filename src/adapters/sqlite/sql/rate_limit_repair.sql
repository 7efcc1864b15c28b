-- rate_limit_repair: what a clock that went back since has stored would else count for as long as it went back.
-- :provider, :latest no lease of now ends later
UPDATE MailAttempts SET OnUtc = :latest WHERE Provider = :provider AND OnUtc > :latest;
