-- report_not_routed: rows that wait for routing, by event type.
SELECT EventType, count(*) AS Waiting, min(DueAt) AS OldestDueAt
  FROM OutboxMessages INDEXED BY IX_Outbox_Unrouted
 WHERE Destination = '' AND State < 2 AND State = 0
 GROUP BY EventType
 ORDER BY EventType;
