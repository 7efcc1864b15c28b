-- outbox_attempt: stores an attempt that did not send its row. :seq, :now, :instance, :state after it, :outcome, :error
INSERT INTO OutboxAttempts (Seq, OnUtc, Instance, State, Outcome, Error)
VALUES (:seq, :now, :instance, :state, :outcome, :error)
