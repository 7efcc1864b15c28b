-- books_delete_record: deletes a record. @id, @version
DELETE FROM dbo.FinancialRecords WHERE Id = @id AND Version = @version;
