-- remedy_select: the rows that match, oldest first. The first line counts the rows that were examined.
-- :path the index, or 'ids' for :seqs, JSON of numbers; :states a bit for each; :since, :until; :limit
-- :fingerprint, :ordering_key, :subject, :event_type, :destination NULL for any; :examined_max
WITH found AS MATERIALIZED (
  SELECT value AS Seq FROM json_each(:seqs)
   UNION ALL
  SELECT * FROM (SELECT Seq FROM OutboxMessages INDEXED BY IX_Outbox_Fingerprint
     WHERE :path = 'fingerprint' AND Fingerprint = :fingerprint
       AND OccurredOnUtc >= :since AND OccurredOnUtc < :until
     ORDER BY OccurredOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT Seq FROM OutboxMessages INDEXED BY IX_Outbox_OrderingKey
     WHERE :path = 'key' AND OrderingKey = :ordering_key
       AND OccurredOnUtc >= :since AND OccurredOnUtc < :until
     ORDER BY OccurredOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT Seq FROM OutboxMessages INDEXED BY IX_Outbox_Subject
     WHERE :path = 'client' AND Subject = :subject
       AND OccurredOnUtc >= :since AND OccurredOnUtc < :until
     ORDER BY OccurredOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT Seq FROM OutboxMessages INDEXED BY IX_Outbox_Unfinished
     WHERE :path = 'state' AND (:states & 3) AND State < 2 AND (:destination IS NULL OR Destination = :destination)
       AND OccurredOnUtc >= :since AND OccurredOnUtc < :until
     ORDER BY OccurredOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT Seq FROM OutboxMessages INDEXED BY IX_Outbox_SetAside
     WHERE :path = 'state' AND (:states & 8) AND State IN (3, 4) AND State = 3
       AND (:destination IS NULL OR Destination = :destination)
       AND OccurredOnUtc >= :since AND OccurredOnUtc < :until
     ORDER BY OccurredOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT Seq FROM OutboxMessages INDEXED BY IX_Outbox_SetAside
     WHERE :path = 'state' AND (:states & 16) AND State IN (3, 4) AND State = 4
       AND (:destination IS NULL OR Destination = :destination)
       AND OccurredOnUtc >= :since AND OccurredOnUtc < :until
     ORDER BY OccurredOnUtc LIMIT :examined_max)
   UNION ALL
  SELECT * FROM (SELECT Seq FROM OutboxMessages INDEXED BY IX_Outbox_Occurred
     WHERE :path = 'time' AND (:event_type IS NULL OR EventType = :event_type)
       AND (:destination IS NULL OR Destination = :destination)
       AND OccurredOnUtc >= :since AND OccurredOnUtc < :until
     ORDER BY OccurredOnUtc LIMIT :examined_max)
)
SELECT NULL AS Target, count(*) AS Examined FROM found
 UNION ALL
SELECT * FROM (
  SELECT CAST(o.Seq AS TEXT), 0
    FROM found CROSS JOIN OutboxMessages o ON o.Seq = found.Seq
   WHERE ((1 << o.State) & :states)
     AND (:fingerprint IS NULL OR o.Fingerprint = :fingerprint)
     AND (:ordering_key IS NULL OR o.OrderingKey = :ordering_key)
     AND (:subject IS NULL OR o.Subject = :subject)
     AND (:event_type IS NULL OR o.EventType = :event_type)
     AND (:destination IS NULL OR o.Destination = :destination)
     AND o.OccurredOnUtc >= :since AND o.OccurredOnUtc < :until
   ORDER BY o.Seq LIMIT :limit);
