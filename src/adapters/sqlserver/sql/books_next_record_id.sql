-- books_next_record_id: the id a new record gets; none is taken where it cannot be booked. @id, @year, @month
-- A sequence never gives an id twice, so that of a deleted record does not come back.
IF EXISTS (SELECT 1 FROM dbo.Clients WHERE Id = @id)
   AND NOT EXISTS (SELECT 1 FROM dbo.FinancialRecords WHERE ClientId = @id AND Year = @year AND Month = @month)
  SELECT NEXT VALUE FOR dbo.RecordIds AS NextId;
