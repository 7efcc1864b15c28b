-- books_update_record: a record's figures replaced. Amounts are grosze.
-- :id, :income_tax, :vat, :insurance_amount, :version
UPDATE FinancialRecords
   SET IncomeTax = :income_tax, Vat = :vat, InsuranceAmount = :insurance_amount, Version = :version
 WHERE Id = :id;
