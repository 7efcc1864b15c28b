-- What operators see of the past: attempts, failure groups, minutes, heartbeats; and what their remedies showed first.

-- Attempts of a row that did not send it: failures and releases, the last 20. They go with their row.
CREATE TABLE dbo.OutboxAttempts (
  Id       bigint IDENTITY(1, 1) NOT NULL,
  Seq      bigint NOT NULL CONSTRAINT FK_OutboxAttempts_Row REFERENCES dbo.OutboxMessages (Seq) ON DELETE CASCADE,
  OnUtc    datetime2(7) NOT NULL,
  Instance nvarchar(100) NOT NULL,
  -- 0 pending: put back; 3 dead (domain/outbox.rs)
  State    int NOT NULL,
  -- NULL: put back untried
  Outcome  int NULL,
  Error    nvarchar(max) NULL,
  CONSTRAINT PK_OutboxAttempts PRIMARY KEY (Seq, Id)
);

-- Every attempt of a mail, the last 20: how it left the row. They go with their row.
CREATE TABLE dbo.InboxAttempts (
  Id        bigint IDENTITY(1, 1) NOT NULL,
  Consumer  nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL,
  MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  OnUtc     datetime2(7) NOT NULL,
  Instance  nvarchar(100) NOT NULL,
  -- the state after it (domain/delivery.rs)
  State     int NOT NULL,
  Reference nvarchar(max) NULL,
  Error     nvarchar(max) NULL,
  CONSTRAINT PK_InboxAttempts PRIMARY KEY (Consumer, MessageId, Id),
  CONSTRAINT FK_InboxAttempts_Mail FOREIGN KEY (Consumer, MessageId)
    REFERENCES dbo.InboxMessages (Consumer, MessageId) ON DELETE CASCADE
);

-- Failures that are alike (domain/fingerprint.rs). The rows that have one now carry its fingerprint.
CREATE TABLE dbo.FailureGroups (
  Fingerprint  nvarchar(32) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT PK_FailureGroups PRIMARY KEY,
  -- a destination, or a mail provider
  Name         nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL,
  Class        nvarchar(50) NOT NULL,
  Error        nvarchar(max) NOT NULL,
  SampleId     nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  FirstSeenUtc datetime2(7) NOT NULL,
  LastSeenUtc  datetime2(7) NOT NULL
);
CREATE INDEX IX_FailureGroups_Seen ON dbo.FailureGroups (LastSeenUtc);
ALTER TABLE dbo.OutboxMessages ADD Fingerprint nvarchar(32) COLLATE Latin1_General_BIN2 NULL;
ALTER TABLE dbo.InboxMessages ADD Fingerprint nvarchar(32) COLLATE Latin1_General_BIN2 NULL;
-- As text: a column this batch adds is unknown when the batch is read.
EXEC sp_executesql N'CREATE INDEX IX_Outbox_Fingerprint ON dbo.OutboxMessages (Fingerprint, OccurredOnUtc, Seq) INCLUDE (State)
  WHERE Fingerprint IS NOT NULL';
EXEC sp_executesql N'CREATE INDEX IX_Inbox_Fingerprint ON dbo.InboxMessages (Fingerprint, ReceivedOnUtc) INCLUDE (State, DueAt)
  WHERE Fingerprint IS NOT NULL';

-- What was settled in each minute, by destination or mail provider. Each instance counts for itself, so that none waits
-- for another's lock. Bucket: domain/latency.rs; below 0 what was not sent.
CREATE TABLE dbo.MinuteCounts (
  MinuteUtc datetime2(7) NOT NULL,
  Name      nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL,
  Bucket    int NOT NULL,
  Instance  nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL,
  Count     bigint NOT NULL,
  CONSTRAINT PK_MinuteCounts PRIMARY KEY (MinuteUtc, Name, Bucket, Instance)
);

-- The last run of each timer function on each instance, and by when the next one is expected.
CREATE TABLE dbo.Heartbeats (
  [Function]   nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL,
  Instance     nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL,
  LastRunOnUtc datetime2(7) NOT NULL,
  NextByUtc    datetime2(7) NOT NULL,
  -- NULL: it ended well
  Error        nvarchar(max) NULL,
  CONSTRAINT PK_Heartbeats PRIMARY KEY ([Function], Instance)
);

-- The pause: until when, by whom and why. Until 9999: until it is resumed. The breaker: since when.
ALTER TABLE dbo.Destinations ADD PausedUntilUtc datetime2(7) NULL;
ALTER TABLE dbo.Destinations ADD PausedBy nvarchar(200) NULL;
ALTER TABLE dbo.Destinations ADD PausedReason nvarchar(max) NULL;
ALTER TABLE dbo.Destinations ADD OpenedOnUtc datetime2(7) NULL;
EXEC sp_executesql N'UPDATE dbo.Destinations SET PausedUntilUtc = ''9999-12-31T23:59:59'' WHERE PausedOnUtc IS NOT NULL';

-- When the queue got the message, by the broker's clock.
ALTER TABLE dbo.InboxMessages ADD EnqueuedOnUtc datetime2(7) NULL;
-- The trace context that came with it, for mails that RetryEmail sends.
ALTER TABLE dbo.InboxMessages ADD Traceparent varchar(55) NULL;

-- How many rows an action changed, and which, so that each message's page shows it.
ALTER TABLE dbo.OperatorActions ADD Rows int NOT NULL CONSTRAINT DF_OperatorActions_Rows DEFAULT 1;
CREATE TABLE dbo.OperatorActionMessages (
  MessageId nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  ActionId  bigint NOT NULL CONSTRAINT FK_OperatorActionMessages_Action REFERENCES dbo.OperatorActions (Id),
  CONSTRAINT PK_OperatorActionMessages PRIMARY KEY (MessageId, ActionId)
);

-- What a remedy's dry run showed: the run takes these rows and no others, and only those that have not changed.
CREATE TABLE dbo.RemedyPlans (
  Token        nvarchar(36) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT PK_RemedyPlans PRIMARY KEY,
  -- the request, as JSON
  Remedy       nvarchar(max) NOT NULL,
  ExpiresOnUtc datetime2(7) NOT NULL,
  -- the report of its run, as JSON; NULL: not run yet
  Report       nvarchar(max) NULL
);
CREATE INDEX IX_RemedyPlans_Expiry ON dbo.RemedyPlans (ExpiresOnUtc);
CREATE TABLE dbo.RemedyPlanRows (
  Token  nvarchar(36) COLLATE Latin1_General_BIN2 NOT NULL
    CONSTRAINT FK_RemedyPlanRows_Plan REFERENCES dbo.RemedyPlans (Token) ON DELETE CASCADE,
  Place  int NOT NULL,
  -- Seq of an outbox row, or MessageId of a mail
  Target nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  -- of what was shown (domain/operations)
  Stamp  nvarchar(200) NOT NULL,
  CONSTRAINT PK_RemedyPlanRows PRIMARY KEY (Token, Place)
);

-- Finding by time, type, destination; by client; by ordering key; newest first, in the order of their keys. The filtered
-- ones are small.
CREATE INDEX IX_Outbox_Occurred ON dbo.OutboxMessages (OccurredOnUtc, Seq) INCLUDE (EventType, Destination);
CREATE INDEX IX_Outbox_Subject ON dbo.OutboxMessages (Subject, OccurredOnUtc, Seq) WHERE Subject IS NOT NULL;
CREATE INDEX IX_Outbox_OrderingKey ON dbo.OutboxMessages (OrderingKey, OccurredOnUtc, Seq) WHERE OrderingKey IS NOT NULL;
-- Without the state: a claim need not write it.
CREATE INDEX IX_Outbox_Unfinished ON dbo.OutboxMessages (OccurredOnUtc, Seq) WHERE State < 2;
CREATE INDEX IX_Outbox_SetAside ON dbo.OutboxMessages (State, OccurredOnUtc, Seq) WHERE State IN (3, 4);
CREATE INDEX IX_Inbox_Received ON dbo.InboxMessages (Consumer, ReceivedOnUtc, MessageId);
CREATE INDEX IX_Inbox_Recipient ON dbo.InboxMessages (RecipientHash, ReceivedOnUtc, MessageId) WHERE RecipientHash IS NOT NULL;
CREATE INDEX IX_Inbox_NotSent ON dbo.InboxMessages (Consumer, State, ReceivedOnUtc, MessageId) INCLUDE (DueAt) WHERE State <> 2;
DROP INDEX IX_Inbox_Subject ON dbo.InboxMessages;
CREATE INDEX IX_Inbox_Subject ON dbo.InboxMessages (Subject, ReceivedOnUtc, MessageId) WHERE Subject IS NOT NULL;
