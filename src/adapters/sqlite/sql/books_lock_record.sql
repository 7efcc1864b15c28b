-- books_lock_record: keeps a record as it was read until the commit.
-- :id, :version
UPDATE FinancialRecords SET Version = Version WHERE Id = :id AND Version = :version;
