-- ops_original: the rows that forced replays copy. @seqs JSON of numbers
SELECT o.Seq AS OriginalSeq, o.ContentType, o.Headers, o.Payload
  FROM OPENJSON(@seqs) WITH (s bigint '$.s') AS j
  JOIN dbo.OutboxMessages o ON o.Seq = j.s;
