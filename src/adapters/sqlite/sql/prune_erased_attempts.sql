-- prune_erased_attempts: deletes the attempts of a mail that is erased: their errors may name the recipient. :consumer, :id
DELETE FROM InboxAttempts WHERE Consumer = :consumer AND MessageId = :id
