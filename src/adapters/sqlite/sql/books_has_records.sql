-- books_has_records: a row if the client has any record.
-- :client
SELECT 1 FROM FinancialRecords WHERE ClientId = :client LIMIT 1;
