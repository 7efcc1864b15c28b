-- schema_rights: checks that this login may read every table it needs. Ends with error 229 if not; reads no row.
SELECT TOP (0) 1 AS Readable FROM dbo.Clients;
SELECT TOP (0) 1 AS Readable FROM dbo.FinancialRecords;
SELECT TOP (0) 1 AS Readable FROM dbo.OutboxMessages;
SELECT TOP (0) 1 AS Readable FROM dbo.Destinations;
SELECT TOP (0) 1 AS Readable FROM dbo.IdempotencyKeys;
SELECT TOP (0) 1 AS Readable FROM dbo.InboxMessages;
SELECT TOP (0) 1 AS Readable FROM dbo.MailAttempts;
SELECT TOP (0) 1 AS Readable FROM dbo.Erasures;
SELECT TOP (0) 1 AS Readable FROM dbo.OutboxAttempts;
SELECT TOP (0) 1 AS Readable FROM dbo.InboxAttempts;
SELECT TOP (0) 1 AS Readable FROM dbo.FailureGroups;
SELECT TOP (0) 1 AS Readable FROM dbo.MinuteCounts;
SELECT TOP (0) 1 AS Readable FROM dbo.Heartbeats;
SELECT TOP (0) 1 AS Readable FROM dbo.RemedyPlans;
SELECT TOP (0) 1 AS Readable FROM dbo.RemedyPlanRows;
SELECT TOP (0) 1 AS Readable FROM dbo.OperatorActions;
SELECT TOP (0) 1 AS Readable FROM dbo.OperatorActionMessages;
