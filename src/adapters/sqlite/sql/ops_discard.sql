-- ops_discard: a row never goes.
-- :seq, :now
UPDATE OutboxMessages SET State = 4, ProcessedOnUtc = :now, LeaseToken = NULL WHERE Seq = :seq;
