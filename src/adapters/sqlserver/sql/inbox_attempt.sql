-- inbox_attempt: stores how attempts left their mails, and keeps the last ones of each mail.
-- @tried: Id, State after it, Reference, Error; @consumer, @instance, @kept how many
INSERT dbo.InboxAttempts (Consumer, MessageId, OnUtc, Instance, State, Reference, Error)
-- A mail that was refused and taken back in one batch has both, in this order.
SELECT @consumer, f.Id, @now, @instance, f.State, f.Reference, f.Error FROM @tried f ORDER BY f.State DESC;
DECLARE @surplus TABLE (MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL, Id bigint NOT NULL, PRIMARY KEY (MessageId, Id));
INSERT @surplus (MessageId, Id)
SELECT r.MessageId, r.Id
  FROM (SELECT a.MessageId, a.Id, ROW_NUMBER() OVER (PARTITION BY a.MessageId ORDER BY a.Id DESC) AS Place
          FROM (SELECT DISTINCT Id FROM @tried) AS f
          JOIN dbo.InboxAttempts a WITH (FORCESEEK, INDEX(PK_InboxAttempts)) ON a.Consumer = @consumer AND a.MessageId = f.Id) AS r
 WHERE r.Place > @kept
OPTION (FORCE ORDER, LOOP JOIN);
IF EXISTS (SELECT 1 FROM @surplus)
  DELETE a
    FROM @surplus s
    JOIN dbo.InboxAttempts a WITH (FORCESEEK, INDEX(PK_InboxAttempts))
      ON a.Consumer = @consumer AND a.MessageId = s.MessageId AND a.Id = s.Id
  OPTION (FORCE ORDER, LOOP JOIN);
