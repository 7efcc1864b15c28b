-- The .NET system's name for LastError: its INSERTs name it, always NULL. Only programs that insert write here.
ALTER TABLE dbo.OutboxMessages ADD Error nvarchar(max) NULL;
