-- inbox_begin: stores a delivery, or counts a repeat; leases a new or accepted mail if its provider may be used.
-- :consumer, :id, :body, :traceparent, :subject and :hash of the recipient, :token, :lease_ends, :provider name of its breaker,
-- :rate_limited the provider has a rate limit, :full it is used up, :enqueued_on,
-- :now
INSERT INTO InboxMessages (Consumer, MessageId, Body, Traceparent, Subject, RecipientHash, State, DueAt, LeaseToken, Attempts, ReceivedOnUtc,
                           EnqueuedOnUtc)
SELECT :consumer, :id, :body, :traceparent, :subject, :hash, iif(p.Stopped, 0, 1), iif(p.Stopped, :now, :lease_ends),
       iif(p.Stopped, NULL, :token), iif(p.Stopped, 0, 1), :now, :enqueued_on
  -- An open breaker stops the mail even when a probe is due: RetryEmail probes. For a provider without a row it is closed.
  -- With a rate limit, mails that wait already come first.
  FROM (SELECT :full
            OR EXISTS (SELECT 1 FROM Destinations
                        WHERE Name = :provider AND (PausedUntilUtc > :now OR OpenUntil IS NOT NULL))
            OR (:rate_limited AND EXISTS (SELECT 1 FROM InboxMessages
                                    WHERE Consumer = :consumer AND State IN (0, 1, 3, 4) AND State IN (0, 3)
                                      AND DueAt <= :now AND MessageId <> :id)) AS Stopped) AS p
 WHERE true
ON CONFLICT (Consumer, MessageId) DO UPDATE
   SET Deliveries = Deliveries + 1,
       State = iif(State = 0 AND DueAt <= :now, excluded.State, State),
       DueAt = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.DueAt, DueAt),
       LeaseToken = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.LeaseToken, LeaseToken),
       Attempts = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, Attempts + 1, Attempts)
RETURNING MessageId, State, LeaseToken, Body, Traceparent, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound;
