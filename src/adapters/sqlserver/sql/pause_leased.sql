-- pause_leased: rows of destinations, or mails of a consumer, that are being sent now. An expired lease sends nothing.
-- @names JSON [{n: name}]; @consumer NULL for destinations. Held rows are counted as they are: a drain waits for them.
SELECT (SELECT COUNT(*)
          FROM OPENJSON(@names) WITH (n nvarchar(300) '$.n') AS j
          JOIN dbo.OutboxMessages o WITH (READUNCOMMITTED, INDEX(IX_Outbox_Due))
            ON o.Destination = j.n COLLATE Latin1_General_BIN2
         WHERE o.State < 2 AND o.State = 1 AND o.DueAt > @now)
       + (SELECT COUNT(*) FROM dbo.InboxMessages m WITH (READUNCOMMITTED, INDEX(IX_Inbox_NotSent))
           WHERE m.State <> 2 AND m.State = 1 AND m.Consumer = @consumer AND m.DueAt > @now) AS Leased;
