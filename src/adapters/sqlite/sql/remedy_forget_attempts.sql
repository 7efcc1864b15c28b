-- remedy_forget_attempts: what a routed row met at its former destination says nothing of the new one.
-- :seq
DELETE FROM OutboxAttempts WHERE Seq = :seq;
