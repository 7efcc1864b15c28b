-- books_insert_record: a new record, with the id that the answer contains. Amounts are grosze.
-- :id, :client, :year, :month, :income_tax, :vat, :insurance_amount, :version
INSERT INTO FinancialRecords (Id, ClientId, Year, Month, IncomeTax, Vat, InsuranceAmount, Version)
VALUES (:id, :client, :year, :month, :income_tax, :vat, :insurance_amount, :version);
