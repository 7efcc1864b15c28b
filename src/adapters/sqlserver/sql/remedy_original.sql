-- remedy_original: the rows that forced replays copy. @seqs JSON [{s: Seq}]
SELECT o.Seq AS OriginalSeq, o.ContentType, o.Headers, o.Payload
  FROM OPENJSON(@seqs) WITH (s bigint '$.s') AS j
  JOIN dbo.OutboxMessages o WITH (FORCESEEK, INDEX(PK_OutboxMessages)) ON o.Seq = j.s;
