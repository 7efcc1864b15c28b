-- report_actions: what operators did to one message, newest first. :id, :before an action's Id, :most
SELECT a.Id, a.OnUtc, a.Actor, a.Action, a.Target, a.Reason, a.Rows
  FROM OperatorActionMessages m
  JOIN OperatorActions a ON a.Id = m.ActionId
 WHERE m.MessageId = :id AND m.ActionId < :before
 ORDER BY m.ActionId DESC
 LIMIT :most;
