-- inbox_leased_before: the mails that an earlier try of this call leased, if its answer was lost; then they are returned.
-- @again 1: there was an earlier try; @consumer, @token
-- DueAt IS NOT NULL repeats the index's filter.
IF @again = 1 AND EXISTS (SELECT 1 FROM dbo.InboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
                           WHERE Consumer = @consumer AND DueAt IS NOT NULL AND State = 1 AND LeaseToken = @token)
BEGIN
  SELECT MessageId, Body, Traceparent, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound
    FROM dbo.InboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
   WHERE Consumer = @consumer AND DueAt IS NOT NULL AND State = 1 AND LeaseToken = @token;
  SELECT MessageId AS TakenId, DueAt AS WasDueAt, @now AS CurrentUtc
    FROM dbo.InboxMessages WITH (READPAST, READCOMMITTEDLOCK, INDEX(IX_Inbox_Due))
   WHERE Consumer = @consumer AND DueAt IS NOT NULL AND State = 1 AND LeaseToken = @token;
  RETURN;
END;
