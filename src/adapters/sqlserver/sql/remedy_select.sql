-- remedy_select: the rows that match, oldest first, and how many rows were examined for it.
-- @path the index, or 'ids' for @seqs, JSON [{s: Seq}]; @states a bit for each; @since, @until; @limit
-- @fingerprint, @ordering_key, @subject, @event_type, @destination NULL for any; @examined_max
-- No key: the states are read one after another, and a row may go to the next one in between.
DECLARE @found TABLE (Seq bigint NOT NULL);
IF @path = N'ids'
  INSERT @found (Seq) SELECT j.s FROM OPENJSON(@seqs) WITH (s bigint '$.s') AS j;
IF @path = N'fingerprint'
  INSERT @found (Seq)
  SELECT TOP (@examined_max) o.Seq FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_Fingerprint))
   WHERE o.Fingerprint IS NOT NULL AND o.Fingerprint = @fingerprint AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
   ORDER BY o.OccurredOnUtc, o.Seq;
IF @path = N'key'
  INSERT @found (Seq)
  SELECT TOP (@examined_max) o.Seq FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_OrderingKey))
   WHERE o.OrderingKey IS NOT NULL AND o.OrderingKey = @ordering_key AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
   ORDER BY o.OccurredOnUtc, o.Seq;
IF @path = N'client'
  INSERT @found (Seq)
  SELECT TOP (@examined_max) o.Seq FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_Subject))
   WHERE o.Subject IS NOT NULL AND o.Subject = @subject AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
   ORDER BY o.OccurredOnUtc, o.Seq;
IF @path = N'state' AND @states & 3 <> 0
  INSERT @found (Seq)
  SELECT TOP (@examined_max) o.Seq FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_Unfinished))
   WHERE o.State < 2 AND (@destination IS NULL OR o.Destination = @destination) AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
   ORDER BY o.OccurredOnUtc, o.Seq;
IF @path = N'state' AND @states & 8 <> 0
  INSERT @found (Seq)
  SELECT TOP (@examined_max) o.Seq FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_SetAside))
   WHERE o.State IN (3, 4) AND o.State = 3 AND (@destination IS NULL OR o.Destination = @destination)
     AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
   ORDER BY o.OccurredOnUtc, o.Seq;
IF @path = N'state' AND @states & 16 <> 0
  INSERT @found (Seq)
  SELECT TOP (@examined_max) o.Seq FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_SetAside))
   WHERE o.State IN (3, 4) AND o.State = 4 AND (@destination IS NULL OR o.Destination = @destination)
     AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
   ORDER BY o.OccurredOnUtc, o.Seq;
IF @path = N'time'
  INSERT @found (Seq)
  SELECT TOP (@examined_max) o.Seq FROM dbo.OutboxMessages o WITH (FORCESEEK, INDEX(IX_Outbox_Occurred))
   WHERE (@event_type IS NULL OR o.EventType = @event_type) AND (@destination IS NULL OR o.Destination = @destination)
     AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
   ORDER BY o.OccurredOnUtc, o.Seq;
SELECT COUNT(*) AS Examined FROM @found;
SELECT TOP (@limit) CAST(o.Seq AS nvarchar(20)) AS Target
  FROM (SELECT DISTINCT Seq FROM @found) AS f
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = f.Seq
 WHERE POWER(2, o.State) & @states <> 0
   AND (@fingerprint IS NULL OR o.Fingerprint = @fingerprint)
   AND (@ordering_key IS NULL OR o.OrderingKey = @ordering_key)
   AND (@subject IS NULL OR o.Subject = @subject)
   AND (@event_type IS NULL OR o.EventType = @event_type)
   AND (@destination IS NULL OR o.Destination = @destination)
   AND o.OccurredOnUtc >= @since AND o.OccurredOnUtc < @until
 ORDER BY o.Seq;
