-- inbox_begin: stores a delivery, or counts a repeat; leases a new or accepted mail where its provider may be used.
-- :consumer, :id, :body, :subject and :hash of the recipient, :token, :lease_ends, :provider name of its breaker,
-- :paced it has a pace, :full without room, :now
INSERT INTO InboxMessages (Consumer, MessageId, Body, Subject, RecipientHash, State, DueAt, LeaseToken, Attempts, ReceivedOnUtc)
SELECT :consumer, :id, :body, :subject, :hash, iif(p.Stopped, 0, 1), iif(p.Stopped, :now, :lease_ends),
       iif(p.Stopped, NULL, :token), iif(p.Stopped, 0, 1), :now
  -- An open breaker stops it also when a probe is due: RetryEmail probes. A provider without a row is closed.
  -- Where room is scarce, those who wait for it already come first.
  FROM (SELECT :full
            OR EXISTS (SELECT 1 FROM Destinations
                        WHERE Name = :provider AND (PausedOnUtc IS NOT NULL OR OpenUntil IS NOT NULL))
            OR (:paced AND EXISTS (SELECT 1 FROM InboxMessages
                                    WHERE Consumer = :consumer AND State IN (0, 1, 3, 4) AND State IN (0, 3)
                                      AND DueAt <= :now AND MessageId <> :id)) AS Stopped) AS p
 WHERE true
ON CONFLICT (Consumer, MessageId) DO UPDATE
   SET Deliveries = Deliveries + 1,
       State = iif(State = 0 AND DueAt <= :now, excluded.State, State),
       DueAt = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.DueAt, DueAt),
       LeaseToken = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.LeaseToken, LeaseToken),
       Attempts = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, Attempts + 1, Attempts)
RETURNING MessageId, State, LeaseToken, Body, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound;
