-- report_walked: declares what a list's walk finds: places of rows, or of mails; newest first.
DECLARE @walked TABLE (
  OccurredOnUtc datetime2(7) NOT NULL, Seq bigint NOT NULL, PRIMARY KEY (OccurredOnUtc, Seq)
);
DECLARE @walked_mails TABLE (
  ReceivedOnUtc datetime2(7) NOT NULL, MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  PRIMARY KEY (ReceivedOnUtc, MessageId)
);
