-- report_audit: what operators did, newest first. :before an action's Id, :most
SELECT Id, OnUtc, Actor, Action, Target, Reason, Rows
  FROM OperatorActions
 WHERE Id < :before
 ORDER BY Id DESC
 LIMIT :most;
