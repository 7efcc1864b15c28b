-- books_lock_record: keeps a record as it was when we decided, until the commit. @id, @version
-- The update changes nothing: a change of the record waits for its lock before it enqueues a message.
UPDATE dbo.FinancialRecords SET Version = Version WHERE Id = @id AND Version = @version;
