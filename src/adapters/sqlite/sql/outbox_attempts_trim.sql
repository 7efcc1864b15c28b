-- outbox_attempts_trim: keeps the last attempts of a row. :seq, :kept how many
DELETE FROM OutboxAttempts
WHERE Id IN (SELECT Id FROM OutboxAttempts WHERE Seq = :seq ORDER BY Id DESC LIMIT -1 OFFSET :kept)
