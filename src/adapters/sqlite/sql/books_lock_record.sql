-- books_lock_record: a record stays as it was read until the commit.
-- :id, :version
UPDATE FinancialRecords SET Version = Version WHERE Id = :id AND Version = :version;
