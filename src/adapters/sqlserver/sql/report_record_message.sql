-- report_record_message: names the message of the action that report_record has just recorded. @id
INSERT dbo.OperatorActionMessages (MessageId, ActionId) VALUES (@id, @recorded);
COMMIT TRAN;
