-- books_records: a client's records by month.
-- :client; :year, :month NULL for all
-- BETWEEN, so that one month is found without walking over all the client's months.
SELECT Id AS RecordKey, ClientId, Year, Month, IncomeTax, Vat, InsuranceAmount, Version
  FROM FinancialRecords
 WHERE ClientId = :client AND Year BETWEEN coalesce(:year, 0) AND coalesce(:year, 9999)
   AND Month BETWEEN coalesce(:month, 1) AND coalesce(:month, 12)
 ORDER BY Year, Month;
