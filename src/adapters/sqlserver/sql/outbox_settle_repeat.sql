-- outbox_settle_repeat: was each row applied now, or by an earlier try of this same settle? Ends the batch of a settle.
-- @token. Either way the row bears our token and is leased no more.
SELECT i.Place, CASE WHEN t.Seq IS NOT NULL THEN 1 ELSE 0 END AS Applied
  FROM @in i
  LEFT JOIN dbo.OutboxMessages t ON t.Seq = i.Seq AND t.LeaseToken = @token AND t.State <> 1
 ORDER BY i.Place;
COMMIT TRAN;
