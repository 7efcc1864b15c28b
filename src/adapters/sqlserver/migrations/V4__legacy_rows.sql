-- Copies the rows of the .NET system's table that U0 set aside, where there is one. It stays as it is: what it is good
-- for afterwards, and when to drop it, is in the README.
IF OBJECT_ID(N'dbo.OutboxMessages_Legacy') IS NOT NULL
BEGIN
  -- Sent ones, so that `ops show` knows them: the newest only, or one transaction would log a table of millions that
  -- pruning empties again. Ids as .NET's Guid.ToString() writes them, and so as MessageIds were sent: in lower case.
  INSERT dbo.OutboxMessages
         (Id, EventType, Payload, OccurredOnUtc, ProcessedOnUtc, RetryCount, Error, LastError, State)
  SELECT LOWER(CONVERT(nvarchar(36), l.Id)), COALESCE(NULLIF(LEFT(l.EventType, 200), N''), N'(none)'),
         COALESCE(l.Payload, N''), COALESCE(l.OccurredOnUtc, l.ProcessedOnUtc), l.ProcessedOnUtc,
         CASE WHEN l.RetryCount > 0 THEN l.RetryCount ELSE 0 END, l.Error, l.Error, 2
    FROM (SELECT TOP (10000) Id, EventType, Payload, OccurredOnUtc, ProcessedOnUtc, RetryCount, Error
            FROM dbo.OutboxMessages_Legacy
           WHERE ProcessedOnUtc IS NOT NULL
           ORDER BY ProcessedOnUtc DESC) AS l
   ORDER BY l.ProcessedOnUtc;

  -- All that wait, in the order in which they occurred. What our columns cannot hold is dead, with its reason, and
  -- holds up nobody; whether a payload can be sent is judged by the dispatcher, as for any row.
  INSERT dbo.OutboxMessages
         (Id, EventType, Payload, OccurredOnUtc, RetryCount, Error, LastError, State)
  SELECT LOWER(CONVERT(nvarchar(36), l.Id)), COALESCE(NULLIF(LEFT(l.EventType, 200), N''), N'(none)'),
         COALESCE(l.Payload, N''), COALESCE(l.OccurredOnUtc, SYSUTCDATETIME()),
         CASE WHEN l.RetryCount > 0 THEN l.RetryCount ELSE 0 END, l.Error,
         CASE WHEN l.EventType IS NULL OR l.Payload IS NULL OR LEN(l.EventType) NOT BETWEEN 1 AND 200
              THEN N'taken over without an EventType of 1 to 200 characters or without a Payload: see OutboxMessages_Legacy'
              ELSE l.Error END,
         CASE WHEN l.EventType IS NULL OR l.Payload IS NULL OR LEN(l.EventType) NOT BETWEEN 1 AND 200 THEN 3 ELSE 0 END
    FROM dbo.OutboxMessages_Legacy AS l
   WHERE l.ProcessedOnUtc IS NULL
   ORDER BY l.OccurredOnUtc, l.Id;

  -- Who was allowed what on the old table is so on the new one. (Babelfish has no such list.)
  IF SERVERPROPERTY('BabelfishVersion') IS NULL
  BEGIN
    DECLARE @grants nvarchar(max) = (
      SELECT STRING_AGG(CAST(CONCAT(
               CASE p.state WHEN 'D' THEN N'DENY ' ELSE N'GRANT ' END, p.permission_name, N' ON dbo.OutboxMessages',
               CASE WHEN p.minor_id > 0 THEN CONCAT(N' (', QUOTENAME(COL_NAME(p.major_id, p.minor_id)), N')') END,
               N' TO ', QUOTENAME(USER_NAME(p.grantee_principal_id)),
               CASE p.state WHEN 'W' THEN N' WITH GRANT OPTION' END) AS nvarchar(max)), N'; ')
        FROM sys.database_permissions AS p
       WHERE p.class = 1 AND p.state IN ('D', 'G', 'W') AND p.major_id = OBJECT_ID(N'dbo.OutboxMessages_Legacy'));
    IF @grants IS NOT NULL
      EXEC sp_executesql @grants;
  END;
END;
