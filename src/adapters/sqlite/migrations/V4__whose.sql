-- Whose a mail is, without its content (domain/recipient.rs), and whose data goes since the client was deleted.
ALTER TABLE InboxMessages ADD COLUMN Subject TEXT;
ALTER TABLE InboxMessages ADD COLUMN RecipientHash TEXT;
CREATE INDEX IX_Inbox_Subject ON InboxMessages (Subject) WHERE Subject IS NOT NULL;

-- Clients that were deleted, as the outbox's Subject names them. Kept as long as something of theirs may still arrive.
CREATE TABLE Erasures (
  Subject TEXT NOT NULL PRIMARY KEY,
  OnUtc   INTEGER NOT NULL
) STRICT;
CREATE INDEX IX_Erasures_On ON Erasures (OnUtc);

-- With the subject, so that a deleted client's rows are found in the index and not by reading every payload.
DROP INDEX IX_Outbox_Finished;
CREATE INDEX IX_Outbox_Finished ON OutboxMessages (ProcessedOnUtc, Subject) WHERE State IN (2, 4);
