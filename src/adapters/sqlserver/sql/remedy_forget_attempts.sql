-- remedy_forget_attempts: what a routed row met at its former destination says nothing of the new one.
DELETE a FROM dbo.OutboxAttempts a WITH (FORCESEEK, INDEX(PK_OutboxAttempts)) WHERE a.Seq IN (SELECT d.Seq FROM @done d);
