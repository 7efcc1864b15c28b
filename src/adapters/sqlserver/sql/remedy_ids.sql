-- remedy_ids: the rows of the messages that a person names, each by its id, a GUID in any case, or the Seq of a row.
-- @texts JSON [{p: its place, e: as typed, l: in lower case, u: in upper case, s: as a number}]
-- COLLATE: OPENJSON's columns have the database's collation, where the spellings are mostly one.
DECLARE @wanted TABLE (
  Place int NOT NULL, Spelling nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL, Seq bigint NULL,
  PRIMARY KEY (Place, Spelling));
INSERT @wanted (Place, Spelling, Seq)
SELECT p, e COLLATE Latin1_General_BIN2, s FROM OPENJSON(@texts) WITH (p int '$.p', e nvarchar(128) '$.e', s bigint '$.s')
 UNION
SELECT p, l COLLATE Latin1_General_BIN2, s FROM OPENJSON(@texts) WITH (p int '$.p', l nvarchar(128) '$.l', s bigint '$.s')
 UNION
SELECT p, u COLLATE Latin1_General_BIN2, s FROM OPENJSON(@texts) WITH (p int '$.p', u nvarchar(128) '$.u', s bigint '$.s');
DECLARE @by_id TABLE (Place int NOT NULL, Seq bigint NOT NULL, PRIMARY KEY (Place, Seq));
INSERT @by_id (Place, Seq)
SELECT DISTINCT w.Place, o.Seq FROM @wanted w JOIN dbo.OutboxMessages o ON o.Id = w.Spelling;
SELECT b.Place, CAST(b.Seq AS nvarchar(20)) AS Target, o.Id
  FROM @by_id b
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = b.Seq
 UNION
SELECT w.Place, CAST(o.Seq AS nvarchar(20)), o.Id
  FROM @wanted w
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = w.Seq
 WHERE w.Place NOT IN (SELECT Place FROM @by_id);
