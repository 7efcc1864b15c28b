-- books_delete_record: deletes a record.
-- :id
DELETE FROM FinancialRecords WHERE Id = :id;
