-- What a provider that can be asked about a doubt has said of it (domain/mail_doubt.rs).
ALTER TABLE InboxMessages ADD COLUMN DoubtedOnUtc INTEGER;
ALTER TABLE InboxMessages ADD COLUMN NotFound INTEGER NOT NULL DEFAULT 0;
