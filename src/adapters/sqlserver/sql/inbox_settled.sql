-- inbox_settled: was it applied now, or by an earlier try of this same settlement? Ends the batch.
-- @consumer, @id, @token, @state
-- The token stays on the row: there, in the state this settlement leads to, it is a repeat of an applied one.
SELECT CASE WHEN @changed = 1 OR EXISTS (
         SELECT 1 FROM dbo.InboxMessages
          WHERE Consumer = @consumer AND MessageId = @id AND LeaseToken = @token AND State = @state) THEN 1 ELSE 0 END AS Applied;
COMMIT TRAN;
