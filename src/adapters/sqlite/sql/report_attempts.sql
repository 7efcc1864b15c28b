-- report_attempts: the attempts of one message's rows that did not send it, oldest first. :id
SELECT o.Destination, a.Seq, a.OnUtc, a.Instance, a.State, a.Outcome, a.Error
  FROM OutboxMessages o
  JOIN OutboxAttempts a ON a.Seq = o.Seq
 WHERE o.Id = :id
 ORDER BY a.Id;
