-- ops_original: what a forced replay copies.
-- :seq
SELECT ContentType, Headers, Payload FROM OutboxMessages WHERE Seq = :seq;
