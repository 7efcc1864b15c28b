-- outbox_suspect: the next head that must go alone. :destination, :now
-- "Claims >= 2" is spelled out, for only so IX_Outbox_Suspect matches; else each claim would pass over every due row.
SELECT o.Seq, octet_length(o.Payload) + octet_length(o.Headers) AS Bytes
FROM OutboxMessages AS o
WHERE o.Destination = :destination AND o.State < 2 AND o.Claims >= 2 AND o.DueAt <= :now
  AND NOT EXISTS (
    SELECT 1 FROM OutboxMessages AS e
    WHERE e.Destination IN (:destination, '') AND e.OrderingKey = o.OrderingKey AND e.Seq < o.Seq AND e.State < 2
  )
ORDER BY o.DueAt, o.Seq
LIMIT 1
