-- books_next_record_id: the id for a new record; no id is used up if the record cannot be booked. @id, @year, @month
-- A sequence never returns an id twice, so the id of a deleted record does not come back.
IF EXISTS (SELECT 1 FROM dbo.Clients WHERE Id = @id)
   AND NOT EXISTS (SELECT 1 FROM dbo.FinancialRecords WHERE ClientId = @id AND Year = @year AND Month = @month)
  SELECT NEXT VALUE FOR dbo.RecordIds AS NextId;
