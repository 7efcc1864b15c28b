-- remedy_take: locks the rows of a run. One that changed since it was judged undoes all of it.
-- @todo JSON [{s: Seq, p: stamp when judged}], @expected how many
DECLARE @done TABLE (Seq bigint NOT NULL PRIMARY KEY);
DECLARE @changed int;
INSERT @done (Seq)
SELECT t.Seq
  FROM OPENJSON(@todo) WITH (s bigint '$.s', p nvarchar(200) '$.p') AS j
  JOIN dbo.OutboxMessages t WITH (ROWLOCK, UPDLOCK, FORCESEEK, INDEX(PK_OutboxMessages)) ON t.Seq = j.s
 WHERE CONCAT(t.State, N'.', t.RetryCount, N'.', t.Claims, N'.', CONVERT(nvarchar(33), t.DueAt, 126), N'.',
              CONVERT(nvarchar(33), t.LastAttemptOnUtc, 126)) = j.p
OPTION (FORCE ORDER, LOOP JOIN);
SET @changed = @@ROWCOUNT;
IF @changed <> @expected
BEGIN
  ROLLBACK TRAN;
  SELECT 1 AS Ended;
  RETURN;
END;
