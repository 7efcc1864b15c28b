-- outbox_claim_heads: the rows that can be claimed, in the order of sending. @destination, @rows_max, @head_claims_max
-- outbox_claim.rs derives outbox_claim_suspect from this text: see the phrases that it replaces before changing them.
-- A head is the oldest unfinished row of its key; rows not routed yet count as earlier. Without a key
-- (b.OrderingKey = NULL is never true) every row is a head. The inner read is dirty on purpose: it never blocks, and
-- an uncommitted earlier row only makes us wait.
DECLARE @heads TABLE (Seq bigint NOT NULL PRIMARY KEY, DueAt datetime2(7) NOT NULL, Bytes bigint NOT NULL);
INSERT @heads (Seq, DueAt, Bytes)
SELECT TOP (@rows_max) o.Seq, o.DueAt, DATALENGTH(o.Payload) + DATALENGTH(o.Headers)
  FROM dbo.OutboxMessages o WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX(IX_Outbox_Due))
 WHERE o.State < 2 AND o.Destination = @destination AND o.DueAt <= @now AND o.Claims <= @head_claims_max
   AND NOT EXISTS (SELECT 1 FROM dbo.OutboxMessages b WITH (READUNCOMMITTED, FORCESEEK, INDEX(IX_Outbox_Key))
                    WHERE b.State < 2 AND b.Destination IN (@destination, N'')
                      AND b.OrderingKey = o.OrderingKey AND b.Seq < o.Seq)
 ORDER BY o.DueAt, o.Seq
OPTION (LOOP JOIN);
