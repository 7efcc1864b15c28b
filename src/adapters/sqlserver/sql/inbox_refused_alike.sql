-- inbox_refused_alike: stores the kind of refusal of a refused mail; begins the batch of taking back. @consumer, @id, @alike
BEGIN TRAN;
UPDATE m
   SET RefusedAlike = @alike
  FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages))
 WHERE m.Consumer = @consumer AND m.MessageId = @id AND m.State = 5;
