-- ops_mail_take_in: a message that an operator takes in; a known one is left alone.
-- :consumer, :id, :body, :state, :due_at, :reason, :finished, :now
INSERT INTO InboxMessages (Consumer, MessageId, Body, State, DueAt, LastError, ReceivedOnUtc, FinishedOnUtc)
VALUES (:consumer, :id, :body, :state, :due_at, :reason, :now, :finished)
ON CONFLICT DO NOTHING;
