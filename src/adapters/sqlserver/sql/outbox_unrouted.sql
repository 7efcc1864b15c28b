-- outbox_unrouted: the oldest rows of routed event types that wait; begins the batch of routing, or ends it idle.
-- @routes JSON [{t: event type, n: place, d: destination or null where it goes to nobody}], @rows_max
DECLARE @route TABLE (
  EventType nvarchar(200) COLLATE Latin1_General_BIN2 NOT NULL,
  Place int NOT NULL,
  Destination nvarchar(300) COLLATE Latin1_General_BIN2 NULL,
  PRIMARY KEY (EventType, Place));
INSERT @route (EventType, Place, Destination)
SELECT t, n, d FROM OPENJSON(@routes) WITH (t nvarchar(200) '$.t', n int '$.n', d nvarchar(300) '$.d');
-- What no hint skips (a lock of the whole table, a key that two insert) is not waited for long (error 1222): what is
-- routed already must go out.
SET LOCK_TIMEOUT 2000;
-- A look first: another may have routed them since they were seen, and then no lock is taken.
IF NOT EXISTS (SELECT 1 FROM @route r
                 JOIN dbo.OutboxMessages o WITH (READUNCOMMITTED, INDEX(IX_Outbox_Unrouted)) ON o.EventType = r.EventType
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
-- READPAST: a row that another's transaction holds is passed over. Only the oldest unrouted row of a key is routed, so
-- none behind a held one overtakes it: a sibling gets its Seq only now. The dirty read finds the held one.
-- A row whose twin is held waits: nobody knows yet whether there will be a twin.
INSERT @rows (Seq, EventType, Twin)
SELECT TOP (@rows_max) o.Seq, o.EventType,
       CASE WHEN EXISTS (SELECT 1 FROM dbo.OutboxMessages e WITH (READUNCOMMITTED, FORCESEEK, INDEX(UQ_Outbox_Id_Destination))
                          WHERE e.Id = o.Id AND e.Destination <> N'') THEN 1 ELSE 0 END
  FROM dbo.OutboxMessages o WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Unrouted))
 WHERE o.Destination = N'' AND o.State < 2 AND o.State = 0
   AND o.EventType IN (SELECT r.EventType FROM @route r)
   AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages b WITH (READUNCOMMITTED, FORCESEEK, INDEX(IX_Outbox_Key))
                    WHERE b.State < 2 AND b.Destination = N'' AND b.OrderingKey = o.OrderingKey AND b.Seq < o.Seq)
   AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages e WITH (READUNCOMMITTED, FORCESEEK, INDEX(UQ_Outbox_Id_Destination))
                    WHERE e.Id = o.Id AND e.Destination <> N''
                      AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages k WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(PK_OutboxMessages))
                                       WHERE k.Seq = e.Seq))
 ORDER BY o.Seq
OPTION (LOOP JOIN);
