-- outbox_claim_gate: whether this claim may lease anything. Begins the batch of a claim, or ends it if not.
-- @destination, @token, @probe 1: passes an open breaker whose probe the token holds
DECLARE @paused int = 0, @open int = 0, @ours int = 0, @breaker_failures int = 0, @accepted datetime2(7), @dead int = 0;
SELECT @paused = CASE WHEN PausedUntilUtc > @now THEN 1 ELSE 0 END,
       @open = CASE WHEN OpenUntil IS NULL THEN 0 ELSE 1 END,
       @ours = CASE WHEN ProbeToken = @token THEN 1 ELSE 0 END,
       @breaker_failures = Failures,
       @accepted = LastAcceptedOnUtc
  FROM dbo.Destinations
 WHERE Name = @destination;
IF @paused = 1 OR (@probe = 0 AND @open = 1) OR (@probe = 1 AND (@open = 0 OR @ours = 0))
BEGIN
  SELECT 0 AS SetDead, @breaker_failures AS Failures, @accepted AS LastAcceptedOnUtc;
  RETURN;
END;
BEGIN TRAN;
