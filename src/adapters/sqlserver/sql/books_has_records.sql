-- books_has_records: a row if the client has any record. @id
SELECT TOP (1) 1 AS HasRecords FROM dbo.FinancialRecords WHERE ClientId = @id;
