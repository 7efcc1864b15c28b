-- What operators see of the past: attempts, failure groups, minutes, heartbeats; and what their remedies showed first.

-- Attempts of a row that did not send it: failures and releases, the last 20. They go with their row.
CREATE TABLE OutboxAttempts (
  Id       INTEGER PRIMARY KEY AUTOINCREMENT,
  Seq      INTEGER NOT NULL REFERENCES OutboxMessages (Seq) ON DELETE CASCADE,
  OnUtc    INTEGER NOT NULL,
  Instance TEXT NOT NULL,
  -- 0 pending: put back; 3 dead (domain/outbox.rs)
  State    INTEGER NOT NULL,
  -- NULL: put back untried
  Outcome  INTEGER,
  Error    TEXT
) STRICT;
CREATE INDEX IX_OutboxAttempts_Row ON OutboxAttempts (Seq, Id);

-- Every attempt of a mail, the last 20: how it left the row. They go with their row.
CREATE TABLE InboxAttempts (
  Id        INTEGER PRIMARY KEY AUTOINCREMENT,
  Consumer  TEXT NOT NULL,
  MessageId TEXT NOT NULL,
  OnUtc     INTEGER NOT NULL,
  Instance  TEXT NOT NULL,
  -- the state after it (domain/delivery.rs)
  State     INTEGER NOT NULL,
  Reference TEXT,
  Error     TEXT,
  FOREIGN KEY (Consumer, MessageId) REFERENCES InboxMessages (Consumer, MessageId) ON DELETE CASCADE
) STRICT;
CREATE INDEX IX_InboxAttempts_Mail ON InboxAttempts (Consumer, MessageId, Id);

-- Failures that are alike (domain/fingerprint.rs). The rows that have one now carry its fingerprint.
CREATE TABLE FailureGroups (
  Fingerprint  TEXT NOT NULL PRIMARY KEY,
  -- a destination, or a mail provider
  Name         TEXT NOT NULL,
  Class        TEXT NOT NULL,
  Error        TEXT NOT NULL,
  SampleId     TEXT NOT NULL,
  FirstSeenUtc INTEGER NOT NULL,
  LastSeenUtc  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IX_FailureGroups_Seen ON FailureGroups (LastSeenUtc);
ALTER TABLE OutboxMessages ADD COLUMN Fingerprint TEXT;
ALTER TABLE InboxMessages ADD COLUMN Fingerprint TEXT;
CREATE INDEX IX_Outbox_Fingerprint ON OutboxMessages (Fingerprint, OccurredOnUtc, Seq, State) WHERE Fingerprint IS NOT NULL;
CREATE INDEX IX_Inbox_Fingerprint ON InboxMessages (Fingerprint, ReceivedOnUtc, MessageId, State, DueAt) WHERE Fingerprint IS NOT NULL;

-- What was settled in each minute, by destination or mail provider. Each instance counts for itself, so that none waits
-- for another's lock. Bucket: domain/latency.rs; below 0 what was not sent.
CREATE TABLE MinuteCounts (
  MinuteUtc INTEGER NOT NULL,
  Name      TEXT NOT NULL,
  Bucket    INTEGER NOT NULL,
  Instance  TEXT NOT NULL,
  Count     INTEGER NOT NULL,
  PRIMARY KEY (MinuteUtc, Name, Bucket, Instance)
) STRICT, WITHOUT ROWID;

-- The last run of each timer function on each instance, and by when the next one is expected.
CREATE TABLE Heartbeats (
  Function     TEXT NOT NULL,
  Instance     TEXT NOT NULL,
  LastRunOnUtc INTEGER NOT NULL,
  NextByUtc    INTEGER NOT NULL,
  -- NULL: it ended well
  Error        TEXT,
  PRIMARY KEY (Function, Instance)
) STRICT, WITHOUT ROWID;

-- The pause: until when, by whom and why. Until 9999: until it is resumed. The breaker: since when.
ALTER TABLE Destinations ADD COLUMN PausedUntilUtc INTEGER;
ALTER TABLE Destinations ADD COLUMN PausedBy TEXT;
ALTER TABLE Destinations ADD COLUMN PausedReason TEXT;
ALTER TABLE Destinations ADD COLUMN OpenedOnUtc INTEGER;
UPDATE Destinations SET PausedUntilUtc = 253402300799000 WHERE PausedOnUtc IS NOT NULL;

-- When the queue got the message, by the broker's clock.
ALTER TABLE InboxMessages ADD COLUMN EnqueuedOnUtc INTEGER;
-- The trace context that came with it, for mails that RetryEmail sends.
ALTER TABLE InboxMessages ADD COLUMN Traceparent TEXT;

-- How many rows an action changed, and which, so that each message's page shows it.
ALTER TABLE OperatorActions ADD COLUMN Rows INTEGER NOT NULL DEFAULT 1;
CREATE TABLE OperatorActionMessages (
  MessageId TEXT NOT NULL,
  ActionId  INTEGER NOT NULL REFERENCES OperatorActions (Id),
  PRIMARY KEY (MessageId, ActionId)
) STRICT, WITHOUT ROWID;

-- What a remedy's dry run showed: the run takes these rows and no others, and only those that have not changed.
CREATE TABLE RemedyPlans (
  Token        TEXT NOT NULL PRIMARY KEY,
  -- the request, as JSON
  Remedy       TEXT NOT NULL,
  ExpiresOnUtc INTEGER NOT NULL,
  -- the report of its run, as JSON; NULL: not run yet
  Report       TEXT
) STRICT;
CREATE INDEX IX_RemedyPlans_Expiry ON RemedyPlans (ExpiresOnUtc);
CREATE TABLE RemedyPlanRows (
  Token TEXT NOT NULL REFERENCES RemedyPlans (Token) ON DELETE CASCADE,
  Place INTEGER NOT NULL,
  -- Seq of an outbox row, or MessageId of a mail
  Target TEXT NOT NULL,
  -- of what was shown (domain/operations)
  Stamp  TEXT NOT NULL,
  PRIMARY KEY (Token, Place)
) STRICT, WITHOUT ROWID;

-- Finding by time, type, destination; by client; by ordering key; newest first, in the order of their keys. The partial
-- ones are small.
CREATE INDEX IX_Outbox_Occurred ON OutboxMessages (OccurredOnUtc, Seq, EventType, Destination);
CREATE INDEX IX_Outbox_Subject ON OutboxMessages (Subject, OccurredOnUtc, Seq) WHERE Subject IS NOT NULL;
CREATE INDEX IX_Outbox_OrderingKey ON OutboxMessages (OrderingKey, OccurredOnUtc, Seq) WHERE OrderingKey IS NOT NULL;
-- Without the state: a claim need not write it.
CREATE INDEX IX_Outbox_Unfinished ON OutboxMessages (OccurredOnUtc, Seq) WHERE State < 2;
CREATE INDEX IX_Outbox_SetAside ON OutboxMessages (State, OccurredOnUtc, Seq) WHERE State IN (3, 4);
CREATE INDEX IX_Inbox_Received ON InboxMessages (Consumer, ReceivedOnUtc, MessageId);
CREATE INDEX IX_Inbox_Recipient ON InboxMessages (RecipientHash, ReceivedOnUtc, MessageId) WHERE RecipientHash IS NOT NULL;
CREATE INDEX IX_Inbox_NotSent ON InboxMessages (Consumer, State, ReceivedOnUtc, MessageId, DueAt) WHERE State <> 2;
DROP INDEX IX_Inbox_Subject;
CREATE INDEX IX_Inbox_Subject ON InboxMessages (Subject, ReceivedOnUtc, MessageId) WHERE Subject IS NOT NULL;
