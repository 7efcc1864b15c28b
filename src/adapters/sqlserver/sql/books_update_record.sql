-- books_update_record: replaces a record's figures.
-- @id, @income_tax, @vat, @insurance_amount in grosze, @version the new one
UPDATE dbo.FinancialRecords
   SET IncomeTax = CAST(@income_tax AS decimal(18, 0)) * 0.01, Vat = CAST(@vat AS decimal(18, 0)) * 0.01,
       InsuranceAmount = CAST(@insurance_amount AS decimal(18, 0)) * 0.01, Version = @version
 WHERE Id = @id AND Version = @version - 1;
