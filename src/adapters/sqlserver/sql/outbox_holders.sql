-- outbox_holders: the sessions whose transactions lock rows of the outbox, the longest first.
-- Ends with error 300 or 262 if the login has no permission to see them.
SELECT TOP (5) s.session_id AS SessionId, s.login_name AS LoginName, COALESCE(s.program_name, N'') AS ProgramName,
       COALESCE(s.host_name, N'') AS HostName,
       -- At most a month: some report a start in 1900, and an int cannot hold so many seconds.
       MAX(CASE WHEN a.transaction_begin_time > DATEADD(day, -30, GETDATE())
                THEN DATEDIFF(second, a.transaction_begin_time, GETDATE()) ELSE 0 END) AS OpenSeconds
  FROM sys.dm_tran_locks AS l
  JOIN sys.dm_exec_sessions AS s ON s.session_id = l.request_session_id
  LEFT JOIN sys.dm_tran_active_transactions AS a ON a.transaction_id = l.request_owner_id
 WHERE l.resource_database_id = DB_ID() AND l.request_status = N'GRANT' AND l.request_mode LIKE N'%X%' AND l.request_session_id <> @@SPID
   AND (l.resource_associated_entity_id = OBJECT_ID(N'dbo.OutboxMessages')
        OR l.resource_associated_entity_id IN (SELECT p.hobt_id FROM sys.partitions AS p WHERE p.object_id = OBJECT_ID(N'dbo.OutboxMessages')))
 GROUP BY s.session_id, s.login_name, s.program_name, s.host_name
 ORDER BY OpenSeconds DESC;
