-- remedy_mail_facts: mails, with what decides whether a remedy may change them. @ids JSON [{i: id}], @consumer
SELECT m.MessageId, m.State, CASE WHEN m.Body IS NULL THEN 0 ELSE 1 END AS HasBody, m.Provider,
       CONCAT(m.State, N'.', m.Attempts, N'.', CONVERT(nvarchar(33), m.DueAt, 126)) AS Stamp
  FROM (SELECT DISTINCT i COLLATE Latin1_General_BIN2 AS Id FROM OPENJSON(@ids) WITH (i nvarchar(128) '$.i')) AS j
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = j.Id
OPTION (FORCE ORDER, LOOP JOIN);
