-- remedy_discard: marks a row as discarded: it is never sent.
-- :seq, :now
UPDATE OutboxMessages SET State = 4, ProcessedOnUtc = :now, LeaseToken = NULL WHERE Seq = :seq;
