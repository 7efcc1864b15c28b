-- Only what is due at some time: a held mail waits for a person, and stays out of the way of those that look for work.
DROP INDEX IX_Inbox_Due ON dbo.InboxMessages;
CREATE INDEX IX_Inbox_Due ON dbo.InboxMessages (Consumer, DueAt) INCLUDE (State) WHERE DueAt IS NOT NULL;
