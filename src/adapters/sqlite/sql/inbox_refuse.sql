-- inbox_refuse: stores a message that can never be mailed; a known one only counts the delivery.
-- :consumer, :id, :body, :reason, :now
INSERT INTO InboxMessages (Consumer, MessageId, Body, State, LastError, ReceivedOnUtc, FinishedOnUtc)
VALUES (:consumer, :id, :body, 5, :reason, :now, :now)
ON CONFLICT (Consumer, MessageId) DO UPDATE SET Deliveries = Deliveries + 1;
