-- report_groups: failure groups that a row or mail is in now, last seen first.
-- @consumer, @most groups are examined, @limit of them counted, @name a destination or provider, NULL for any; the page
-- begins after @on and @key
SELECT g.Fingerprint, g.Name, g.Class, g.Error, g.SampleId, g.FirstSeenUtc, g.LastSeenUtc,
       (SELECT COUNT_BIG(*) FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Fingerprint))
         WHERE o.Fingerprint = g.Fingerprint AND o.Fingerprint IS NOT NULL AND o.State < 2)
       + (SELECT COUNT_BIG(*) FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Fingerprint))
           WHERE m.Fingerprint = g.Fingerprint AND m.Consumer = @consumer AND m.Fingerprint IS NOT NULL AND m.State <> 2 AND m.DueAt IS NOT NULL) AS Waiting,
       (SELECT COUNT_BIG(*) FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Fingerprint))
         WHERE o.Fingerprint = g.Fingerprint AND o.Fingerprint IS NOT NULL AND o.State = 3)
       + (SELECT COUNT_BIG(*) FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Fingerprint))
           WHERE m.Fingerprint = g.Fingerprint AND m.Consumer = @consumer AND m.Fingerprint IS NOT NULL AND m.State <> 2 AND m.DueAt IS NULL) AS SetAside
  FROM (SELECT TOP (@limit) f.*
          FROM (SELECT TOP (@most) a.Fingerprint, a.Name, a.Class, a.Error, a.SampleId, a.FirstSeenUtc, a.LastSeenUtc
                  FROM dbo.FailureGroups a
                 WHERE a.LastSeenUtc <= @on AND (a.LastSeenUtc < @on OR a.Fingerprint < @key) AND (@name IS NULL OR a.Name = @name)
                 ORDER BY a.LastSeenUtc DESC, a.Fingerprint DESC) AS f
         WHERE EXISTS (SELECT 1 FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Fingerprint))
                        WHERE o.Fingerprint = f.Fingerprint AND o.Fingerprint IS NOT NULL AND o.State IN (0, 1, 3))
            OR EXISTS (SELECT 1 FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Fingerprint))
                        WHERE m.Fingerprint = f.Fingerprint AND m.Consumer = @consumer AND m.Fingerprint IS NOT NULL AND m.State <> 2)
         ORDER BY f.LastSeenUtc DESC, f.Fingerprint DESC) AS g
 ORDER BY g.LastSeenUtc DESC, g.Fingerprint DESC;
SELECT a.LastSeenUtc AS EndOnUtc, a.Fingerprint AS EndGroup
  FROM dbo.FailureGroups a
 WHERE a.LastSeenUtc <= @on AND (a.LastSeenUtc < @on OR a.Fingerprint < @key) AND (@name IS NULL OR a.Name = @name)
 ORDER BY a.LastSeenUtc DESC, a.Fingerprint DESC
OFFSET @most - 1 ROWS FETCH NEXT 1 ROWS ONLY;
