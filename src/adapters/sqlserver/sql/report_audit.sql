-- report_audit: what operators did, newest first. @before an action's Id, @most
SELECT TOP (@most) Id, OnUtc, Actor, Action, Target, Reason, Rows
  FROM dbo.OperatorActions
 WHERE Id < @before
 ORDER BY Id DESC;
