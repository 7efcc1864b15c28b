-- breaker_give_back: the probe found nothing to try. :name, :token, :now
UPDATE Destinations SET ProbeToken = NULL, OpenUntil = :now WHERE Name = :name AND ProbeToken = :token
