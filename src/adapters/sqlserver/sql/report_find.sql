-- report_find: the id of the message that a person names: by its id, a GUID in any case, or the Seq of one of its rows;
-- of a message that was deleted by its id, from what operators did to it.
-- @exact, @lower, @upper, @consumer, @number NULL if the text is not a number
DECLARE @id nvarchar(128) = (
  SELECT TOP (1) f.FoundId
    FROM (SELECT o.Id AS FoundId, CASE WHEN o.Id = @exact THEN 0 ELSE 1 END AS Place
            FROM dbo.OutboxMessages o WHERE o.Id IN (@exact, @lower, @upper)
           UNION ALL
          SELECT m.MessageId, CASE WHEN m.MessageId = @exact THEN 0 ELSE 1 END
            FROM dbo.InboxMessages m WHERE m.Consumer = @consumer AND m.MessageId IN (@exact, @lower, @upper)
           UNION ALL
          SELECT o.Id, 2 FROM dbo.OutboxMessages o WHERE o.Seq = @number
           UNION ALL
          SELECT a.MessageId, CASE WHEN a.MessageId = @exact THEN 3 ELSE 4 END
            FROM dbo.OperatorActionMessages a WHERE a.MessageId IN (@exact, @lower, @upper)) AS f
   ORDER BY f.Place);
SELECT @id AS FoundId;
