-- outbox_unrouted: the oldest rows of routed event types that wait; begins the batch of routing, or ends it idle.
-- @routes JSON [{t: event type, n: place, d: destination or null where it goes to nobody}], @rows_max
DECLARE @route TABLE (
  EventType nvarchar(200) COLLATE Latin1_General_BIN2 NOT NULL,
  Place int NOT NULL,
  Destination nvarchar(300) COLLATE Latin1_General_BIN2 NULL,
  PRIMARY KEY (EventType, Place));
INSERT @route (EventType, Place, Destination)
SELECT t, n, d FROM OPENJSON(@routes) WITH (t nvarchar(200) '$.t', n int '$.n', d nvarchar(300) '$.d');
-- Not waited for long (error 1222): while another program's transaction holds a row, what is routed already must go out.
SET LOCK_TIMEOUT 2000;
-- A look first, by IX_Outbox_Unrouted: another may have routed them since they were seen, and then no lock is taken.
IF NOT EXISTS (SELECT 1 FROM @route r
                 JOIN dbo.OutboxMessages o ON o.EventType = r.EventType
                WHERE o.Destination = N'' AND o.State < 2 AND o.State = 0)
BEGIN
  SELECT 0 AS Routed, 0 AS Siblings, 0 AS Discarded, 0 AS Duplicates;
  RETURN;
END;
BEGIN TRAN;
-- One at a time: two that route the same rows would each insert the siblings. Busy: the other does it.
-- The database's name is in it for servers whose locks know no database.
DECLARE @got int, @resource nvarchar(255) = CONCAT(N'client-organizer route ', DB_NAME());
EXEC @got = sp_getapplock @Resource = @resource, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @got < 0
BEGIN
  ROLLBACK TRAN;
  SELECT 0 AS Routed, 0 AS Siblings, 0 AS Discarded, 0 AS Duplicates;
  RETURN;
END;
DECLARE @rows TABLE (
  Seq bigint NOT NULL PRIMARY KEY,
  EventType nvarchar(200) COLLATE Latin1_General_BIN2 NOT NULL,
  Twin int NOT NULL);
-- No READPAST: a locked row is waited for, else a later one of its key could overtake it.
INSERT @rows (Seq, EventType, Twin)
SELECT TOP (@rows_max) o.Seq, o.EventType,
       CASE WHEN EXISTS (SELECT 1 FROM dbo.OutboxMessages e WHERE e.Id = o.Id AND e.Destination <> N'') THEN 1 ELSE 0 END
  FROM dbo.OutboxMessages o WITH (UPDLOCK)
 WHERE o.Destination = N'' AND o.State < 2 AND o.State = 0
   AND o.EventType IN (SELECT r.EventType FROM @route r)
 ORDER BY o.Seq;
