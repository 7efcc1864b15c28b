-- rate_limit_give_back: deletes the attempt of a mail that was not handed to the provider. :token, :id
DELETE FROM MailAttempts WHERE Token = :token AND MessageId = :id;
