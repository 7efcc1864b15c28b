-- books_records: a client's records by month.
-- :client; :year, :month NULL for all
SELECT Id AS RecordKey, ClientId, Year, Month, IncomeTax, Vat, InsuranceAmount, Version
  FROM FinancialRecords
 WHERE ClientId = :client AND (:year IS NULL OR Year = :year) AND (:month IS NULL OR Month = :month)
 ORDER BY Year, Month;
