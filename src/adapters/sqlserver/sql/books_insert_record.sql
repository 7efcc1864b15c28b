-- books_insert_record: a new record, with the id that the answer contains.
-- @id, @client, @year, @month, @income_tax, @vat, @insurance_amount in grosze, @version
INSERT dbo.FinancialRecords (Id, ClientId, Year, Month, IncomeTax, Vat, InsuranceAmount, Version)
VALUES (@id, @client, @year, @month, CAST(@income_tax AS decimal(18, 0)) * 0.01, CAST(@vat AS decimal(18, 0)) * 0.01,
        CAST(@insurance_amount AS decimal(18, 0)) * 0.01, @version);
