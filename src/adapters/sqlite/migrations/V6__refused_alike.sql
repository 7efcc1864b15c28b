-- Refusals that look alike: several in a row are the provider's fault (flows/mail_one.rs).
ALTER TABLE InboxMessages ADD COLUMN RefusedAlike TEXT;
ALTER TABLE InboxMessages ADD COLUMN TakenBack INTEGER NOT NULL DEFAULT 0;
-- What the provider is at fault by, until it takes a mail.
ALTER TABLE Destinations ADD COLUMN RefusedAlike TEXT;
