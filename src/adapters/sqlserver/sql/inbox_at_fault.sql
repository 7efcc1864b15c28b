-- inbox_at_fault: marks the provider as at fault for refusals of this kind, until it takes a mail.
-- @consumer, @id, @token, @at the provider, @alike, @back how many mails were taken back
IF @back > 0
  UPDATE dbo.Destinations SET RefusedAlike = @alike WHERE Name = @at;
-- Accepted under its token: an earlier try of this settlement took it back, among others.
SELECT CASE WHEN @changed = 0 AND EXISTS (
         SELECT 1 FROM dbo.InboxMessages m WITH (FORCESEEK, INDEX(PK_InboxMessages))
          WHERE m.Consumer = @consumer AND m.MessageId = @id AND m.LeaseToken = @token AND m.State = 0) THEN 1 ELSE @back END AS Back;
