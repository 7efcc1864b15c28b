-- A claim changes State, and so wrote every index whose WHERE names it, this one at as many places as it leased keys. With
-- ProcessedOnUtc a row enters when it is stored and leaves when it is finished. Dead rows stay in, and are passed over.
DROP INDEX IX_Outbox_Key;
CREATE INDEX IX_Outbox_Key ON OutboxMessages (Destination, OrderingKey, Seq) WHERE ProcessedOnUtc IS NULL;
