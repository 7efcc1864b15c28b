-- remedy_record_messages: which messages the entry is about, and the end of the batch. @messages JSON [{i: id}]
INSERT dbo.OperatorActionMessages (MessageId, ActionId)
SELECT DISTINCT j.i COLLATE Latin1_General_BIN2, @entry
  FROM OPENJSON(@messages) WITH (i nvarchar(128) '$.i') AS j
 WHERE @entry IS NOT NULL;
COMMIT TRAN;
SELECT 0 AS Ended, @changed AS ChangedRows;
