-- inbox_settle: the outcome of a mail, by the holder of its lease.
-- :consumer, :id, :token, :state, :due_at, :error, :fingerprint of its failure, :provider, :reference, :recipient_failed, :doubted, :not_found, :now
UPDATE InboxMessages
   SET State = :state,
       DueAt = :due_at,
       LastError = :error,
       Fingerprint = iif(:state = 2, NULL, coalesce(:fingerprint, Fingerprint)),
       Provider = coalesce(:provider, Provider),
       Reference = coalesce(:reference, Reference),
       Doubts = Doubts + :doubted,
       DoubtedOnUtc = iif(:doubted, :now, DoubtedOnUtc),
       NotFound = iif(:doubted, 0, NotFound + :not_found),
       FirstTransientOnUtc = iif(:recipient_failed, coalesce(FirstTransientOnUtc, :now), FirstTransientOnUtc),
       -- The content is no longer needed; the row stays as the tombstone that recognises repeats.
       Body = iif(:state = 2, NULL, Body),
       FinishedOnUtc = iif(:state IN (2, 5), :now, NULL),
       -- inbox_refused_alike sets it: a kind of an earlier refusal says nothing of this one.
       RefusedAlike = NULL
 WHERE Consumer = :consumer AND MessageId = :id AND LeaseToken = :token
   -- In doubt under this token: the lease ran out, and nobody leased the mail since. A late outcome ends the doubt,
   -- but a late doubt was counted already.
   AND (State = 1 OR (State = 4 AND :state <> 4))
-- The host names the second in which the queue got it, so a shorter difference is none.
RETURNING iif(EnqueuedOnUtc < ReceivedOnUtc - 1000, EnqueuedOnUtc, ReceivedOnUtc) AS SinceUtc;
