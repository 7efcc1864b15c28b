-- The house on SQLite. Times are INTEGER milliseconds since 1970 UTC; money is INTEGER grosze (decimal(18,2) fits).
-- DEFAULTs use only SQLite's own clock, in a form that SQLite 3.37 and later know, so that any program can insert.

CREATE TABLE Clients (
  Id      INTEGER PRIMARY KEY AUTOINCREMENT,
  Name    TEXT NOT NULL,
  Address TEXT NOT NULL,
  NipNb   TEXT NOT NULL UNIQUE,
  Email   TEXT NOT NULL,
  Version INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE FinancialRecords (
  Id              INTEGER PRIMARY KEY AUTOINCREMENT,
  ClientId        INTEGER NOT NULL REFERENCES Clients (Id),
  Year            INTEGER NOT NULL CHECK (Year BETWEEN 2000 AND 2100),
  Month           INTEGER NOT NULL CHECK (Month BETWEEN 1 AND 12),
  IncomeTax       INTEGER NOT NULL CHECK (IncomeTax BETWEEN 0 AND 999999999999999999),
  Vat             INTEGER NOT NULL CHECK (Vat BETWEEN 0 AND 999999999999999999),
  InsuranceAmount INTEGER NOT NULL CHECK (InsuranceAmount BETWEEN 0 AND 999999999999999999),
  Version         INTEGER NOT NULL DEFAULT 1,
  UNIQUE (ClientId, Year, Month)
) STRICT;

-- One event, one Id, one row per destination. Seq is the clustered key: monotonic, status is not in it.
CREATE TABLE OutboxMessages (
  Seq              INTEGER PRIMARY KEY AUTOINCREMENT,
  Id               TEXT NOT NULL CHECK (length(Id) BETWEEN 1 AND 128),
  EventType        TEXT NOT NULL CHECK (length(EventType) BETWEEN 1 AND 200),
  Destination      TEXT NOT NULL DEFAULT '',
  OrderingKey      TEXT CHECK (length(OrderingKey) BETWEEN 1 AND 128),
  ContentType      TEXT NOT NULL DEFAULT 'application/json',
  Payload          TEXT NOT NULL,
  Headers          TEXT NOT NULL DEFAULT '{}',
  Subject          TEXT,
  OccurredOnUtc    INTEGER NOT NULL DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
  -- 0 pending, 1 leased, 2 sent, 3 dead, 4 discarded (domain/outbox.rs)
  State            INTEGER NOT NULL DEFAULT 0 CHECK (State BETWEEN 0 AND 4),
  -- pending: not before; leased: the lease ends
  DueAt            INTEGER NOT NULL DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
  LeaseToken       TEXT,
  Claims           INTEGER NOT NULL DEFAULT 0 CHECK (Claims >= 0),
  RetryCount       INTEGER NOT NULL DEFAULT 0 CHECK (RetryCount >= 0),
  LastOutcome      INTEGER CHECK (LastOutcome BETWEEN 0 AND 5),
  LastError        TEXT,
  LastAttemptOnUtc INTEGER,
  ProcessedOnUtc   INTEGER,
  CHECK (State <> 1 OR LeaseToken IS NOT NULL),
  CHECK (State NOT IN (2, 4) OR ProcessedOnUtc IS NOT NULL),
  CHECK (State NOT IN (0, 1) OR ProcessedOnUtc IS NULL),
  UNIQUE (Id, Destination)
) STRICT;

CREATE INDEX IX_Outbox_Due ON OutboxMessages (Destination, DueAt, Seq, OrderingKey, State, Claims) WHERE State < 2;
CREATE INDEX IX_Outbox_Key ON OutboxMessages (Destination, OrderingKey, Seq) WHERE State < 2;
-- Suspects go alone, and every claim asks for them: without this it would pass over every due row.
CREATE INDEX IX_Outbox_Suspect ON OutboxMessages (Destination, DueAt, Seq, OrderingKey, State, Claims)
  WHERE State < 2 AND Claims >= 2;
-- Routing asks per event type, so that rows of types nobody routes cost it nothing.
CREATE INDEX IX_Outbox_Unrouted ON OutboxMessages (EventType, Seq) WHERE Destination = '' AND State < 2;
CREATE INDEX IX_Outbox_Finished ON OutboxMessages (ProcessedOnUtc) WHERE State IN (2, 4);
CREATE INDEX IX_Outbox_Dead ON OutboxMessages (Destination, Seq) WHERE State = 3;

-- Destinations of the bus, and mail providers (mail:…): pause and breaker.
CREATE TABLE Destinations (
  Name              TEXT NOT NULL PRIMARY KEY,
  PausedOnUtc       INTEGER,
  OpenUntil         INTEGER,
  ProbeToken        TEXT,
  Failures          INTEGER NOT NULL DEFAULT 0,
  Reason            TEXT,
  LastAcceptedOnUtc INTEGER
) STRICT;

CREATE TABLE IdempotencyKeys (
  Key         TEXT NOT NULL PRIMARY KEY,
  Fingerprint TEXT NOT NULL,
  Answer      TEXT NOT NULL,
  ExpiresOnUtc INTEGER NOT NULL
) STRICT;
CREATE INDEX IX_Keys_Expiry ON IdempotencyKeys (ExpiresOnUtc);

CREATE TABLE InboxMessages (
  Consumer            TEXT NOT NULL,
  MessageId           TEXT NOT NULL,
  -- NULL once erased
  Body                BLOB,
  -- 0 accepted, 1 sending, 2 sent, 3 parked, 4 in doubt, 5 refused (domain/delivery.rs)
  State               INTEGER NOT NULL CHECK (State BETWEEN 0 AND 5),
  -- due to be sent, or end of the lease; NULL: nothing happens by itself
  DueAt               INTEGER,
  LeaseToken          TEXT,
  Deliveries          INTEGER NOT NULL DEFAULT 1,
  Attempts            INTEGER NOT NULL DEFAULT 0,
  Doubts              INTEGER NOT NULL DEFAULT 0,
  Provider            TEXT,
  Reference           TEXT,
  LastError           TEXT,
  FirstTransientOnUtc INTEGER,
  ReceivedOnUtc       INTEGER NOT NULL,
  FinishedOnUtc       INTEGER,
  CHECK (State <> 1 OR (LeaseToken IS NOT NULL AND DueAt IS NOT NULL)),
  PRIMARY KEY (Consumer, MessageId)
) STRICT, WITHOUT ROWID;
CREATE INDEX IX_Inbox_Due ON InboxMessages (Consumer, DueAt) WHERE State IN (0, 1, 3, 4);
CREATE INDEX IX_Inbox_Finished ON InboxMessages (FinishedOnUtc) WHERE State IN (2, 5);
-- Found without passing over 400 days of tombstones.
CREATE INDEX IX_Inbox_RefusedBody ON InboxMessages (FinishedOnUtc) WHERE State = 5 AND Body IS NOT NULL;

-- What people did, and why. Written in the remedy's own transaction.
CREATE TABLE OperatorActions (
  Id     INTEGER PRIMARY KEY AUTOINCREMENT,
  OnUtc  INTEGER NOT NULL,
  Actor  TEXT NOT NULL,
  Action TEXT NOT NULL,
  Target TEXT NOT NULL,
  Reason TEXT NOT NULL
) STRICT;
