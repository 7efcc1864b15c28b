-- The app's identity as a user of the database, with the role of `migrate --grants` (which comes first). Run by an
-- administrator of Entra ID; may be run again. sqlcmd -v identity=<its name> -v clientId=<its client id>

-- The SID is the client id: Azure SQL need not look it up, so that a service principal may run this too.
DECLARE @sid varbinary(16) = CONVERT(varbinary(16), CONVERT(uniqueidentifier, N'$(clientId)'));

-- An identity that was made anew under its name is another one.
IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'$(identity)' AND sid <> @sid)
  DROP USER [$(identity)];

IF DATABASE_PRINCIPAL_ID(N'$(identity)') IS NULL
BEGIN
  DECLARE @create nvarchar(300) = N'CREATE USER [$(identity)] WITH SID = ' + CONVERT(nvarchar(40), @sid, 1) + N', TYPE = E';
  EXEC (@create);
END;

ALTER ROLE client_organizer ADD MEMBER [$(identity)];
