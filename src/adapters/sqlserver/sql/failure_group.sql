-- failure_group: stores the groups of failures that are alike, with one of them as the sample.
-- @tried: Id, Fingerprint; @failures JSON [{f: fingerprint, c: class, e: error}], @at the destination or mail provider
DECLARE @groups TABLE (Fingerprint nvarchar(32) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY,
  SampleId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL);
INSERT @groups (Fingerprint, SampleId)
SELECT f.Fingerprint, MAX(f.Id) FROM @tried f WHERE f.Fingerprint IS NOT NULL GROUP BY f.Fingerprint;
INSERT dbo.FailureGroups (Fingerprint, Name, Class, Error, SampleId, FirstSeenUtc, LastSeenUtc)
SELECT g.Fingerprint, @at, w.c, w.e, g.SampleId, @now, @now
  FROM OPENJSON(@failures) WITH (f nvarchar(32) '$.f', c nvarchar(50) '$.c', e nvarchar(max) '$.e') AS w
  JOIN @groups g ON g.Fingerprint = w.f COLLATE Latin1_General_BIN2
 WHERE NOT EXISTS (SELECT 1 FROM dbo.FailureGroups k WITH (UPDLOCK, HOLDLOCK, FORCESEEK, INDEX(PK_FailureGroups)) WHERE k.Fingerprint = g.Fingerprint);
UPDATE k
   SET LastSeenUtc = @now, SampleId = g.SampleId
  FROM @groups g
  JOIN dbo.FailureGroups k WITH (FORCESEEK, INDEX(PK_FailureGroups)) ON k.Fingerprint = g.Fingerprint
OPTION (FORCE ORDER, LOOP JOIN);
