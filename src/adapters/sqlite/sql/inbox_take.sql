-- inbox_take: leases one mail that inbox_due found in this transaction.
-- :consumer, :id, :token, :lease_ends, :now
UPDATE InboxMessages
   SET State = 1, LeaseToken = :token, DueAt = :lease_ends, Attempts = Attempts + 1,
       -- Time in which it was due and not tried (breaker, rate limit, downtime) is not the recipient's fault.
       FirstTransientOnUtc = FirstTransientOnUtc + (:now - DueAt)
 WHERE Consumer = :consumer AND MessageId = :id
RETURNING MessageId, Body, Traceparent, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound;
