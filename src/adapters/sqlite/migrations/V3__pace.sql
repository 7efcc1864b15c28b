-- How many mails a provider was sent of late (domain/pace.rs): one row per lease to send one, forgotten after an hour.
CREATE TABLE MailAttempts (
  Token     TEXT NOT NULL,
  MessageId TEXT NOT NULL,
  Provider  TEXT NOT NULL,
  -- when its sending ended; until then, when its lease ends
  OnUtc     INTEGER NOT NULL,
  PRIMARY KEY (Token, MessageId)
) STRICT, WITHOUT ROWID;
CREATE INDEX IX_MailAttempts_Recent ON MailAttempts (Provider, OnUtc);
-- Mails wait for the pace until then.
ALTER TABLE Destinations ADD COLUMN PacedUntilUtc INTEGER;
