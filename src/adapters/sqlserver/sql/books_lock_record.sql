-- books_lock_record: a record stays as it was when we decided, until the commit. @id, @version
-- An update in name only: its lock is the one that a change of the record waits for, before it enqueues a message.
UPDATE dbo.FinancialRecords SET Version = Version WHERE Id = @id AND Version = @version;
