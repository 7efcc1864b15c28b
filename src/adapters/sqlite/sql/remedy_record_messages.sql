-- remedy_record_messages: which messages an entry is about. :entry, :ids JSON
INSERT OR IGNORE INTO OperatorActionMessages (MessageId, ActionId)
SELECT value, :entry FROM json_each(:ids);
