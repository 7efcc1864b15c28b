-- books_update_record: replaces a record's figures. Amounts are grosze.
-- :id, :income_tax, :vat, :insurance_amount, :version
UPDATE FinancialRecords
   SET IncomeTax = :income_tax, Vat = :vat, InsuranceAmount = :insurance_amount, Version = :version
 WHERE Id = :id;
