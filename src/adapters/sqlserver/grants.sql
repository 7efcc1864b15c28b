-- The grants that `serve`, `dispatch` and `ops` need, as a role: rows of their own tables, and nothing else. No DDL, no
-- EXECUTE (sp_getapplock is open to all). Run by a login that may create roles, again after each `migrate`. Per login:
--   CREATE USER [name of the app, or of its managed identity] FROM EXTERNAL PROVIDER;   -- Entra ID
--   CREATE USER app FOR LOGIN app;                                                      -- a login with a password
--   ALTER ROLE client_organizer ADD MEMBER app;
-- For a program that only inserts into the outbox: GRANT INSERT ON dbo.OutboxMessages TO …;
-- So that `ops overview` can show which session locks rows: in master GRANT VIEW SERVER STATE TO [login], in Azure SQL
-- GRANT VIEW DATABASE STATE TO client_organizer. Without it `ops overview` names the missing permission instead.
IF DATABASE_PRINCIPAL_ID(N'client_organizer') IS NULL
  CREATE ROLE client_organizer;

GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Clients TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.FinancialRecords TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.OutboxMessages TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.InboxMessages TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.MailAttempts TO client_organizer;
GRANT SELECT, INSERT, DELETE ON dbo.IdempotencyKeys TO client_organizer;
GRANT SELECT, INSERT, DELETE ON dbo.Erasures TO client_organizer;
GRANT SELECT, INSERT, UPDATE ON dbo.Destinations TO client_organizer;
GRANT SELECT, INSERT, DELETE ON dbo.OutboxAttempts TO client_organizer;
GRANT SELECT, INSERT, DELETE ON dbo.InboxAttempts TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.FailureGroups TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.MinuteCounts TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Heartbeats TO client_organizer;
GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.RemedyPlans TO client_organizer;
GRANT SELECT, INSERT, DELETE ON dbo.RemedyPlanRows TO client_organizer;
-- Never UPDATE or DELETE: this program cannot change or remove the record of what was done with it.
GRANT SELECT, INSERT ON dbo.OperatorActions TO client_organizer;
GRANT SELECT, INSERT ON dbo.OperatorActionMessages TO client_organizer;

-- NEXT VALUE FOR is an update of the sequence.
GRANT UPDATE ON dbo.ClientIds TO client_organizer;
GRANT UPDATE ON dbo.RecordIds TO client_organizer;

-- The check at start: was this build's `migrate` run?
GRANT SELECT ON dbo.refinery_schema_history TO client_organizer;
