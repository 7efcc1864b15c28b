-- schema_triggers: enabled triggers on our tables, by name if the login may see it.
-- A login that may not see a trigger's name still sees that the table has triggers.
SELECT CAST(t.name AS nvarchar(128)) AS TableName, CAST(g.name AS nvarchar(128)) AS TriggerName
  FROM sys.tables AS t
  LEFT JOIN sys.triggers AS g ON g.parent_id = t.object_id AND g.is_disabled = 0
 WHERE t.schema_id = SCHEMA_ID(N'dbo')
   AND t.name IN (N'Clients', N'FinancialRecords', N'OutboxMessages', N'InboxMessages', N'Destinations',
                  N'IdempotencyKeys', N'MailAttempts', N'Erasures', N'OperatorActions')
   AND (g.name IS NOT NULL
        OR (NOT EXISTS (SELECT 1 FROM sys.triggers AS h WHERE h.parent_id = t.object_id)
            AND (OBJECTPROPERTY(t.object_id, 'TableHasInsertTrigger') = 1
                 OR OBJECTPROPERTY(t.object_id, 'TableHasUpdateTrigger') = 1
                 OR OBJECTPROPERTY(t.object_id, 'TableHasDeleteTrigger') = 1)))
 ORDER BY t.name, g.name;
