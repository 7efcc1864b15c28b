-- ops_begin: begins the batch of a remedy, for rows that were judged.
-- @rows JSON [{s: Seq, p: State when judged, t: target as recorded}]
DECLARE @in TABLE (Seq bigint NOT NULL PRIMARY KEY, State int NOT NULL, Target nvarchar(600) NOT NULL);
INSERT @in (Seq, State, Target)
SELECT s, p, t FROM OPENJSON(@rows) WITH (s bigint '$.s', p int '$.p', t nvarchar(600) '$.t');
DECLARE @done TABLE (Seq bigint NOT NULL PRIMARY KEY);
BEGIN TRAN;
