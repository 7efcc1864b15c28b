-- inbox_take: leases one mail that inbox_due found in this same transaction.
-- :consumer, :id, :token, :lease_ends, :now
UPDATE InboxMessages
   SET State = 1, LeaseToken = :token, DueAt = :lease_ends, Attempts = Attempts + 1,
       -- That it was due and nobody tried (the breaker, the pace, a night without us) is not the recipient's failing.
       FirstTransientOnUtc = FirstTransientOnUtc + (:now - DueAt)
 WHERE Consumer = :consumer AND MessageId = :id
RETURNING MessageId, Body, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound;
