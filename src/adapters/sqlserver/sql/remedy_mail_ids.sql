-- remedy_mail_ids: the mails that a person names, each by its id, a GUID in any case, or the Seq of an outbox row.
-- @texts JSON [{p: its place, e: as typed, l: in lower case, u: in upper case, s: as a number}], @consumer
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
DECLARE @by_id TABLE (
  Place int NOT NULL, Id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL, PRIMARY KEY (Place, Id));
INSERT @by_id (Place, Id)
SELECT DISTINCT w.Place, m.MessageId
  FROM @wanted w
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = w.Spelling;
SELECT Place, Id AS Target, Id FROM @by_id
 UNION
SELECT w.Place, m.MessageId, m.MessageId
  FROM @wanted w
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = w.Seq
  JOIN dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages)) ON m.Consumer = @consumer AND m.MessageId = o.Id
 WHERE w.Place NOT IN (SELECT Place FROM @by_id);
