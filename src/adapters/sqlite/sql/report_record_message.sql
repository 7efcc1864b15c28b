-- report_record_message: names the message of the action that report_record has just recorded. :id
INSERT INTO OperatorActionMessages (MessageId, ActionId) VALUES (:id, last_insert_rowid());
