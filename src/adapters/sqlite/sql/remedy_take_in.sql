-- remedy_take_in: stores a message that an operator takes in; a known one stays as it is.
-- :consumer, :id, :body, :traceparent, :subject and :hash of the recipient, :state, :due_at, :reason, :finished, :now
INSERT INTO InboxMessages (Consumer, MessageId, Body, Traceparent, Subject, RecipientHash, State, DueAt, LastError, ReceivedOnUtc, FinishedOnUtc)
VALUES (:consumer, :id, :body, :traceparent, :subject, :hash, :state, :due_at, :reason, :now, :finished)
ON CONFLICT DO NOTHING;
