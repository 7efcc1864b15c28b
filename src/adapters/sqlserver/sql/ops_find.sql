-- ops_find: the message that a person names: by its id, a GUID in any case, or the Seq of one of its rows.
-- @exact, @lower, @upper, @consumer, @seq NULL if the text is not a number
SELECT TOP (1) f.FoundId, f.Destination
  FROM (SELECT o.Id AS FoundId, CAST(NULL AS nvarchar(300)) AS Destination,
               CASE WHEN o.Id = @exact THEN 0 ELSE 1 END AS Place
          FROM dbo.OutboxMessages o WHERE o.Id IN (@exact, @lower, @upper)
         UNION ALL
        SELECT m.MessageId, CAST(NULL AS nvarchar(300)), CASE WHEN m.MessageId = @exact THEN 0 ELSE 1 END
          FROM dbo.InboxMessages m WHERE m.Consumer = @consumer AND m.MessageId IN (@exact, @lower, @upper)
         UNION ALL
        SELECT o.Id, o.Destination, 2 FROM dbo.OutboxMessages o WHERE o.Seq = @seq) AS f
 ORDER BY f.Place;
