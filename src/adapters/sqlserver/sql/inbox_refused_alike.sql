-- inbox_refused_alike: stores the kind of refusal of a mail that was refused in this batch. @consumer, @id, @alike
UPDATE m
   SET RefusedAlike = @alike
  FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages))
 WHERE m.Consumer = @consumer AND m.MessageId = @id AND @changed = 1;
