-- report_not_routed: rows that wait for routing, by event type.
SELECT EventType, COUNT_BIG(*) AS Waiting, MIN(DueAt) AS OldestDueAt
  FROM dbo.OutboxMessages
 WHERE Destination = N'' AND State < 2 AND State = 0
 GROUP BY EventType
 ORDER BY EventType;
