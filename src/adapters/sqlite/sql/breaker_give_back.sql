-- breaker_give_back: returns a probe that found nothing to try. :name, :token, :now
UPDATE Destinations SET ProbeToken = NULL, OpenUntil = :now WHERE Name = :name AND ProbeToken = :token
