-- How many mails a provider was sent of late (domain/pace.rs): one row per lease to send one, forgotten after an hour.
CREATE TABLE dbo.MailAttempts (
  Token     nvarchar(36) COLLATE Latin1_General_BIN2 NOT NULL,
  MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  Provider  nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL,
  -- when its sending ended; until then, when its lease ends
  OnUtc     datetime2(7) NOT NULL,
  CONSTRAINT PK_MailAttempts PRIMARY KEY (Token, MessageId)
);
CREATE INDEX IX_MailAttempts_Recent ON dbo.MailAttempts (Provider, OnUtc);
-- Mails wait for the pace until then.
ALTER TABLE dbo.Destinations ADD PacedUntilUtc datetime2(7) NULL;
