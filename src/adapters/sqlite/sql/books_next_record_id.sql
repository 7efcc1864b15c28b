-- books_next_record_id: the id for a new record.
-- AUTOINCREMENT's own table: the id of a deleted record never comes back. It has no row before the first insert.
SELECT 1 + max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'FinancialRecords'), 0),
               coalesce((SELECT max(Id) FROM FinancialRecords), 0)) AS NextId;
