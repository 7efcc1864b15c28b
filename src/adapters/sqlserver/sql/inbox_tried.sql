-- inbox_tried: what a batch of the inbox adds to the past.
DECLARE @tried TABLE (Id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL, State int NOT NULL, Reference nvarchar(max) NULL,
  Error nvarchar(max) NULL, Fingerprint nvarchar(32) COLLATE Latin1_General_BIN2 NULL, PRIMARY KEY (Id, State));
DECLARE @counted TABLE (Bucket int NULL, SinceUtc datetime2(7) NULL);
