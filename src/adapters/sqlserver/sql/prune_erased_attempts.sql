-- prune_erased_attempts: deletes the attempts of the mails of @erased: their errors may name the recipient. Ends the batch.
DELETE a
  FROM @erased old
  JOIN dbo.InboxAttempts a WITH (FORCESEEK, INDEX(PK_InboxAttempts)) ON a.Consumer = old.Consumer AND a.MessageId = old.MessageId
OPTION (FORCE ORDER, LOOP JOIN);
COMMIT TRAN;
SELECT @done AS Done;
