-- remedy_original: the row that a forced replay copies.
-- :seq
SELECT ContentType, Headers, Payload FROM OutboxMessages WHERE Seq = :seq;
