-- Refusals that look alike: several in a row are the provider's fault (flows/mail_one.rs).
-- One column at a time: Babelfish reads no more.
ALTER TABLE dbo.InboxMessages ADD RefusedAlike nvarchar(200) COLLATE Latin1_General_BIN2 NULL;
ALTER TABLE dbo.InboxMessages ADD TakenBack int NOT NULL CONSTRAINT DF_Inbox_TakenBack DEFAULT 0;
-- What the provider is at fault by, until it takes a mail.
ALTER TABLE dbo.Destinations ADD RefusedAlike nvarchar(200) COLLATE Latin1_General_BIN2 NULL;
