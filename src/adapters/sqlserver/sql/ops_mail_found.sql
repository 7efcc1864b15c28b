-- ops_mail_found: a mail's state, and whether its content is still there. @consumer, @id
SELECT State, CASE WHEN Body IS NULL THEN 0 ELSE 1 END AS HasBody
  FROM dbo.InboxMessages
 WHERE Consumer = @consumer AND MessageId = @id;
