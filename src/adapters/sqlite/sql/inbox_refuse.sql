-- inbox_refuse: stores a message that can never be mailed; for a known one it only counts the delivery.
-- :consumer, :id, :body, :traceparent, :subject and :hash of the recipient, :reason, :fingerprint, :enqueued_on, :now
INSERT INTO InboxMessages (Consumer, MessageId, Body, Traceparent, Subject, RecipientHash, State, LastError, Fingerprint, ReceivedOnUtc,
                           EnqueuedOnUtc, FinishedOnUtc)
VALUES (:consumer, :id, :body, :traceparent, :subject, :hash, 5, :reason, :fingerprint, :now, :enqueued_on, :now)
ON CONFLICT (Consumer, MessageId) DO UPDATE SET Deliveries = Deliveries + 1
RETURNING Deliveries;
