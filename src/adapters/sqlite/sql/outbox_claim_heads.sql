-- outbox_claim_heads: the rows that can be claimed, in the order of sending. :destination, :now, :claims_max, :rows_max
-- outbox_claim.rs derives outbox_claim_suspect from this text: see the phrases that it replaces before changing them.
-- A head is the oldest unfinished row of its key; rows not routed yet count as earlier. Without a key
-- (e.OrderingKey = NULL is never true) every row is a head.
-- ProcessedOnUtc: of unfinished rows it is always NULL, and IX_Outbox_Key, which a claim need not write, is by it.
-- Claims: as outbox_claim_lease sets it. octet_length: bytes, even of text that is not UTF-8, without reading the text.
SELECT o.Seq, o.Id, o.EventType, o.OrderingKey, o.ContentType, o.Payload, o.Headers, o.OccurredOnUtc,
       min(o.Claims, 1000000) + 1 AS Claims, o.RetryCount, o.LastOutcome, o.LastAttemptOnUtc,
       octet_length(o.Payload) + octet_length(o.Headers) AS Bytes
FROM OutboxMessages AS o
WHERE o.Destination = :destination AND o.State < 2 AND o.DueAt <= :now AND o.Claims <= :claims_max
  AND NOT EXISTS (
    SELECT 1 FROM OutboxMessages AS e
    WHERE e.Destination IN (:destination, '') AND e.OrderingKey = o.OrderingKey AND e.Seq < o.Seq AND e.ProcessedOnUtc IS NULL AND e.State < 2
  )
ORDER BY o.DueAt, o.Seq
LIMIT :rows_max
