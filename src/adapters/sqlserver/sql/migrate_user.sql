-- migrate_user: an identity of Entra ID as a user of the database, with the program's role and nothing else. May be repeated.
-- @identity its name, @client_id
-- The SID is the client id: Azure SQL need not look it up, so that a service principal may run this too.
DECLARE @sid varbinary(16) = CONVERT(varbinary(16), CONVERT(uniqueidentifier, @client_id));
DECLARE @statement nvarchar(max);

-- An identity that was made anew under its name is another one.
IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @identity AND sid <> @sid)
BEGIN
  SET @statement = N'DROP USER ' + QUOTENAME(@identity);
  EXEC (@statement);
END;

IF DATABASE_PRINCIPAL_ID(@identity) IS NULL
BEGIN
  SET @statement = N'CREATE USER ' + QUOTENAME(@identity) + N' WITH SID = ' + CONVERT(nvarchar(40), @sid, 1) + N', TYPE = E';
  EXEC (@statement);
END;

SET @statement = N'ALTER ROLE client_organizer ADD MEMBER ' + QUOTENAME(@identity);
EXEC (@statement);
