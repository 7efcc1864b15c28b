-- inbox_attempts_trim: keeps the last attempts of a mail. :consumer, :id, :kept how many
DELETE FROM InboxAttempts
WHERE Id IN (SELECT Id FROM InboxAttempts WHERE Consumer = :consumer AND MessageId = :id ORDER BY Id DESC LIMIT -1 OFFSET :kept)
