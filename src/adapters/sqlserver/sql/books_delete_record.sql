-- books_delete_record: a record goes. @id, @version
DELETE FROM dbo.FinancialRecords WHERE Id = @id AND Version = @version;
