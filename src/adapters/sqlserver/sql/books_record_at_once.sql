-- books_record_at_once: what only the database knows of a first booking: whom it tells, and the record's id.
-- @client, @year, @month, @template and @answer_template with marks, @mark_name, @mark_email, @mark_id
-- Ends the batch with 3 where the rules must look closer: no such client, the month is booked, or a name that another
-- program wrote and that is no JSON.
DECLARE @name nvarchar(max), @email nvarchar(max), @id bigint;
-- Not STRING_ESCAPE: Babelfish's takes a letter's bytes apart.
SELECT @name = REPLACE(REPLACE(CAST(Name AS nvarchar(max)), N'\', N'\\'), N'"', N'\"'),
       @email = REPLACE(REPLACE(CAST(Email AS nvarchar(max)), N'\', N'\\'), N'"', N'\"')
  FROM dbo.Clients WITH (REPEATABLEREAD) WHERE Id = @client;
-- A parameter's own type may be too short for what is filled in.
DECLARE @payload nvarchar(max) =
  REPLACE(REPLACE(CAST(@template AS nvarchar(max)) COLLATE Latin1_General_BIN2, @mark_name, @name), @mark_email, @email);
IF @name IS NULL OR ISJSON(@payload) = 0
   OR EXISTS (SELECT 1 FROM dbo.FinancialRecords WHERE ClientId = @client AND Year = @year AND Month = @month)
BEGIN
  ROLLBACK TRAN;
  SELECT 3 AS Ended;
  RETURN;
END;
SELECT @id = NEXT VALUE FOR dbo.RecordIds;
DECLARE @answer nvarchar(max) =
  REPLACE(CAST(@answer_template AS nvarchar(max)) COLLATE Latin1_General_BIN2, @mark_id, CAST(@id AS nvarchar(20)));
