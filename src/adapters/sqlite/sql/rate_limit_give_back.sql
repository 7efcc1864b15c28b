-- rate_limit_give_back: it was not handed to the provider. :token, :id
DELETE FROM MailAttempts WHERE Token = :token AND MessageId = :id;
