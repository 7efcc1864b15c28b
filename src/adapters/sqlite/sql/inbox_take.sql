-- inbox_take: leases one mail that inbox_due found in this same transaction.
-- :consumer, :id, :token, :lease_ends
UPDATE InboxMessages
   SET State = 1, LeaseToken = :token, DueAt = :lease_ends, Attempts = Attempts + 1
 WHERE Consumer = :consumer AND MessageId = :id
RETURNING MessageId, Body, Attempts, Doubts, FirstTransientOnUtc, DoubtedOnUtc, NotFound;
