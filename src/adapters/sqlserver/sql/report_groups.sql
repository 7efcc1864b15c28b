-- report_groups: failure groups that a row or mail is in now, last seen first.
-- @consumer, @most groups are examined, @name a destination or provider, NULL for any; the page begins after @on and @key
SELECT g.Fingerprint, g.Name, g.Class, g.Error, g.SampleId, g.FirstSeenUtc, g.LastSeenUtc,
       (SELECT COUNT_BIG(*) FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Fingerprint))
         WHERE o.Fingerprint = g.Fingerprint AND o.Fingerprint IS NOT NULL AND o.State < 2)
       + (SELECT COUNT_BIG(*) FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Fingerprint))
           WHERE m.Fingerprint = g.Fingerprint AND m.Consumer = @consumer AND m.Fingerprint IS NOT NULL AND m.State <> 2 AND m.DueAt IS NOT NULL) AS Waiting,
       (SELECT COUNT_BIG(*) FROM dbo.OutboxMessages o WITH (INDEX(IX_Outbox_Fingerprint))
         WHERE o.Fingerprint = g.Fingerprint AND o.Fingerprint IS NOT NULL AND o.State = 3)
       + (SELECT COUNT_BIG(*) FROM dbo.InboxMessages m WITH (INDEX(IX_Inbox_Fingerprint))
           WHERE m.Fingerprint = g.Fingerprint AND m.Consumer = @consumer AND m.Fingerprint IS NOT NULL AND m.State <> 2 AND m.DueAt IS NULL) AS SetAside
  FROM (SELECT TOP (@most) f.Fingerprint, f.Name, f.Class, f.Error, f.SampleId, f.FirstSeenUtc, f.LastSeenUtc
          FROM dbo.FailureGroups f
         WHERE f.LastSeenUtc <= @on AND (f.LastSeenUtc < @on OR f.Fingerprint < @key) AND (@name IS NULL OR f.Name = @name)
         ORDER BY f.LastSeenUtc DESC, f.Fingerprint DESC) AS g
 ORDER BY g.LastSeenUtc DESC, g.Fingerprint DESC;
