-- outbox_unrouted: the oldest waiting rows of routed event types; begins the batch of routing, or ends it without work.
-- @routes JSON [{t: event type, n: position, d: destination, or null for an event that nobody receives}], @rows_max
DECLARE @route TABLE (
  EventType nvarchar(200) COLLATE Latin1_General_BIN2 NOT NULL,
  Place int NOT NULL,
  Destination nvarchar(300) COLLATE Latin1_General_BIN2 NULL,
  PRIMARY KEY (EventType, Place));
INSERT @route (EventType, Place, Destination)
SELECT t, n, d FROM OPENJSON(@routes) WITH (t nvarchar(200) '$.t', n int '$.n', d nvarchar(300) '$.d');
-- The wait for locks that no hint skips (of the whole table, of a key that two insert) is short (error 1222): rows that
-- are routed already must be sent.
SET LOCK_TIMEOUT 2000;
-- Checked first: another dispatcher may have routed them since they were seen, and then no lock is taken.
IF NOT EXISTS (SELECT 1 FROM @route r
                 JOIN dbo.OutboxMessages o WITH (READUNCOMMITTED, INDEX(IX_Outbox_Unrouted)) ON o.EventType = r.EventType
                WHERE o.Destination = N'' AND o.State < 2 AND o.State = 0)
BEGIN
  SELECT 0 AS Routed, 0 AS Siblings, 0 AS Discarded, 0 AS Duplicates;
  RETURN;
END;
BEGIN TRAN;
-- One router at a time: two that route the same rows would each insert the siblings. If busy, the other does it.
-- The lock's name contains the database's, for servers whose locks are not per database.
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
-- READPAST: a row that another transaction locks is skipped. Only the oldest unrouted row of a key is routed, so no row
-- overtakes a locked one of its key: a sibling gets its Seq only now. The dirty read finds the locked row.
-- A row whose twin is locked waits: it is not known yet whether there will be a twin.
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
