-- report_actions: what operators did to one message, newest first. @id, @before an action's Id, @most
SELECT TOP (@most) a.Id, a.OnUtc, a.Actor, a.Action, a.Target, a.Reason, a.Rows
  FROM dbo.OperatorActionMessages m
  JOIN dbo.OperatorActions a ON a.Id = m.ActionId
 WHERE m.MessageId = @id AND m.ActionId < @before
 ORDER BY m.ActionId DESC;
