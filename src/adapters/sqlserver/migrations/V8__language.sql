-- The language a client's letters are in; NULL: the office's.
ALTER TABLE dbo.Clients ADD Language nvarchar(10) NULL;
