-- ops_followers_due: what waited behind discarded rows is due now.
UPDATE f
   SET DueAt = @now
  FROM dbo.OutboxMessages f
 WHERE f.State < 2 AND f.State = 0
   AND EXISTS (SELECT 1 FROM @done d
                 JOIN dbo.OutboxMessages t ON t.Seq = d.Seq
                WHERE f.Destination = t.Destination AND f.OrderingKey = t.OrderingKey AND f.Seq > t.Seq);
