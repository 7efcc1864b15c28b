-- inbox_attempt: stores how an attempt left a mail.
-- :consumer, :id, :now, :instance, :state after it, :reference of the provider, :error
INSERT INTO InboxAttempts (Consumer, MessageId, OnUtc, Instance, State, Reference, Error)
VALUES (:consumer, :id, :now, :instance, :state, :reference, :error)
