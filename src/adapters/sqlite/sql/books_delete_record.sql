-- books_delete_record: a record goes.
-- :id
DELETE FROM FinancialRecords WHERE Id = :id;
