-- remedy_mail_take: locks the mails of a run. One that changed since it was judged undoes all of it.
-- @todo JSON [{i: id, p: stamp when judged}], @consumer, @expected how many
DECLARE @mails TABLE (Id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY);
DECLARE @changed int;
INSERT @mails (Id)
SELECT m.MessageId
  FROM OPENJSON(@todo) WITH (i nvarchar(128) '$.i', p nvarchar(200) '$.p') AS j
  JOIN dbo.InboxMessages m WITH (ROWLOCK, UPDLOCK, FORCESEEK, INDEX(PK_InboxMessages))
    ON m.Consumer = @consumer AND m.MessageId = j.i COLLATE Latin1_General_BIN2
 WHERE CONCAT(m.State, N'.', m.Attempts, N'.', CONVERT(nvarchar(33), m.DueAt, 126)) = j.p
OPTION (FORCE ORDER, LOOP JOIN);
SET @changed = @@ROWCOUNT;
IF @changed <> @expected
BEGIN
  ROLLBACK TRAN;
  SELECT 1 AS Ended;
  RETURN;
END;
