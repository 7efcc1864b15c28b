-- outbox_settle_repeat: the result for each row; ends the batch of a settle. @token
-- 1: applied, now or by an earlier try of this settle: the row has our token and is not leased.
-- 2: another transaction locks the row, so it is unchanged. 0: the row no longer has our token.
SELECT i.Place, CASE WHEN t.LeaseToken = @token AND t.State <> 1 THEN 1
                     WHEN t.LeaseToken = @token OR (t.Seq IS NULL AND h.Seq IS NOT NULL) THEN 2
                     ELSE 0 END AS Applied
  FROM @in i
  LEFT JOIN dbo.OutboxMessages t WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = i.Seq
  LEFT JOIN dbo.OutboxMessages h WITH (READUNCOMMITTED, FORCESEEK, INDEX(PK_OutboxMessages)) ON h.Seq = i.Seq
 ORDER BY i.Place
OPTION (FORCE ORDER, LOOP JOIN);
COMMIT TRAN;
