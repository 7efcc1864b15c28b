-- What a provider that can be asked about a doubt has said of it (domain/mail_doubt.rs).
-- One column at a time: Babelfish reads no more.
ALTER TABLE dbo.InboxMessages ADD DoubtedOnUtc datetime2(7) NULL;
ALTER TABLE dbo.InboxMessages ADD NotFound int NOT NULL CONSTRAINT DF_Inbox_NotFound DEFAULT 0;
