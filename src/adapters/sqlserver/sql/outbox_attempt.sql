-- outbox_attempt: stores attempts that did not send their rows, and keeps the last ones of each row.
-- @tried: Seq, State after it, Outcome, Error; @instance, @kept how many
INSERT dbo.OutboxAttempts (Seq, OnUtc, Instance, State, Outcome, Error)
SELECT f.Seq, @now, @instance, f.State, f.Outcome, f.Error FROM @tried f;
DECLARE @surplus TABLE (Seq bigint NOT NULL, Id bigint NOT NULL, PRIMARY KEY (Seq, Id));
INSERT @surplus (Seq, Id)
SELECT r.Seq, r.Id
  FROM (SELECT a.Seq, a.Id, ROW_NUMBER() OVER (PARTITION BY a.Seq ORDER BY a.Id DESC) AS Place
          FROM @tried f
          JOIN dbo.OutboxAttempts a WITH (FORCESEEK, INDEX(PK_OutboxAttempts)) ON a.Seq = f.Seq) AS r
 WHERE r.Place > @kept
OPTION (FORCE ORDER, LOOP JOIN);
IF EXISTS (SELECT 1 FROM @surplus)
  DELETE a
    FROM @surplus s
    JOIN dbo.OutboxAttempts a WITH (FORCESEEK, INDEX(PK_OutboxAttempts)) ON a.Seq = s.Seq AND a.Id = s.Id
  OPTION (FORCE ORDER, LOOP JOIN);
