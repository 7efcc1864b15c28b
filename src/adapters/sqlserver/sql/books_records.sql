-- books_records: a client's records by month. @id; @year, @month NULL for all
-- BETWEEN, so that one month is found without walking over all the client's months.
SELECT Id AS RecordKey, ClientId, Year, Month, IncomeTax, Vat, InsuranceAmount, Version
  FROM dbo.FinancialRecords
 WHERE ClientId = @id AND Year BETWEEN ISNULL(@year, 0) AND ISNULL(@year, 9999)
   AND Month BETWEEN ISNULL(@month, 1) AND ISNULL(@month, 12)
 ORDER BY Year, Month;
