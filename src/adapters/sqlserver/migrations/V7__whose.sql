-- Whose a mail is, without its content (domain/recipient.rs), and whose data goes since the client was deleted.
-- One column at a time: Babelfish reads no more.
ALTER TABLE dbo.InboxMessages ADD Subject nvarchar(400) NULL;
ALTER TABLE dbo.InboxMessages ADD RecipientHash nvarchar(64) COLLATE Latin1_General_BIN2 NULL;
-- As text: a column this batch adds is unknown when the batch is read.
EXEC sp_executesql N'CREATE INDEX IX_Inbox_Subject ON dbo.InboxMessages (Subject) WHERE Subject IS NOT NULL';

-- Clients that were deleted, as the outbox's Subject names them. Kept as long as something of theirs may still arrive.
CREATE TABLE dbo.Erasures (
  Subject nvarchar(400) NOT NULL CONSTRAINT PK_Erasures PRIMARY KEY,
  OnUtc   datetime2(7) NOT NULL
);
CREATE INDEX IX_Erasures_On ON dbo.Erasures (OnUtc);

-- With the subject, so that a deleted client's rows are found in the index and not by reading every payload.
DROP INDEX IX_Outbox_Finished ON dbo.OutboxMessages;
CREATE INDEX IX_Outbox_Finished ON dbo.OutboxMessages (ProcessedOnUtc) INCLUDE (Subject) WHERE State IN (2, 4);
