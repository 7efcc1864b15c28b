-- The house on SQL Server, Azure SQL and (for tests) Babelfish. Times are datetime2(7) in UTC; money is decimal(18,2).
-- What is compared as a key is BIN2: byte by byte, whatever the database's own collation thinks of upper and lower case.

-- Ids come from sequences and not from IDENTITY: the answer and the message name them before the row is written.
CREATE SEQUENCE dbo.ClientIds AS bigint START WITH 1 INCREMENT BY 1;
CREATE SEQUENCE dbo.RecordIds AS bigint START WITH 1 INCREMENT BY 1;

CREATE TABLE dbo.Clients (
  Id      bigint NOT NULL CONSTRAINT PK_Clients PRIMARY KEY,
  Name    nvarchar(400) NOT NULL,
  Address nvarchar(1000) NOT NULL,
  NipNb   nvarchar(10) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT UQ_Clients_NipNb UNIQUE,
  Email   nvarchar(254) NOT NULL,
  Version bigint NOT NULL CONSTRAINT DF_Clients_Version DEFAULT 1
);

CREATE TABLE dbo.FinancialRecords (
  Id              bigint NOT NULL CONSTRAINT PK_FinancialRecords PRIMARY KEY,
  ClientId        bigint NOT NULL CONSTRAINT FK_FinancialRecords_Clients REFERENCES dbo.Clients (Id),
  Year            int NOT NULL CONSTRAINT CK_FinancialRecords_Year CHECK (Year BETWEEN 2000 AND 2100),
  Month           int NOT NULL CONSTRAINT CK_FinancialRecords_Month CHECK (Month BETWEEN 1 AND 12),
  IncomeTax       decimal(18, 2) NOT NULL CONSTRAINT CK_FinancialRecords_IncomeTax CHECK (IncomeTax >= 0),
  Vat             decimal(18, 2) NOT NULL CONSTRAINT CK_FinancialRecords_Vat CHECK (Vat >= 0),
  InsuranceAmount decimal(18, 2) NOT NULL CONSTRAINT CK_FinancialRecords_Insurance CHECK (InsuranceAmount >= 0),
  Version         bigint NOT NULL CONSTRAINT DF_FinancialRecords_Version DEFAULT 1,
  CONSTRAINT UQ_FinancialRecords_Month UNIQUE (ClientId, Year, Month)
);

-- One event, one Id, one row per destination. Seq is the clustered key: monotonic, status is not in it.
CREATE TABLE dbo.OutboxMessages (
  Seq              bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_OutboxMessages PRIMARY KEY,
  Id               nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  EventType        nvarchar(200) COLLATE Latin1_General_BIN2 NOT NULL,
  Destination      nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT DF_Outbox_Destination DEFAULT N'',
  OrderingKey      nvarchar(128) COLLATE Latin1_General_BIN2 NULL,
  ContentType      nvarchar(200) NOT NULL CONSTRAINT DF_Outbox_ContentType DEFAULT N'application/json',
  Payload          nvarchar(max) NOT NULL,
  Headers          nvarchar(max) NOT NULL CONSTRAINT DF_Outbox_Headers DEFAULT N'{}',
  Subject          nvarchar(400) NULL,
  OccurredOnUtc    datetime2(7) NOT NULL CONSTRAINT DF_Outbox_OccurredOnUtc DEFAULT SYSUTCDATETIME(),
  -- 0 pending, 1 leased, 2 sent, 3 dead, 4 discarded (domain/outbox.rs)
  State            int NOT NULL CONSTRAINT DF_Outbox_State DEFAULT 0 CONSTRAINT CK_Outbox_State CHECK (State BETWEEN 0 AND 4),
  -- pending: not before; leased: the lease ends
  DueAt            datetime2(7) NOT NULL CONSTRAINT DF_Outbox_DueAt DEFAULT SYSUTCDATETIME(),
  LeaseToken       nvarchar(36) COLLATE Latin1_General_BIN2 NULL,
  Claims           int NOT NULL CONSTRAINT DF_Outbox_Claims DEFAULT 0 CONSTRAINT CK_Outbox_Claims CHECK (Claims >= 0),
  RetryCount       int NOT NULL CONSTRAINT DF_Outbox_RetryCount DEFAULT 0 CONSTRAINT CK_Outbox_RetryCount CHECK (RetryCount >= 0),
  LastOutcome      int NULL CONSTRAINT CK_Outbox_LastOutcome CHECK (LastOutcome BETWEEN 0 AND 5),
  LastError        nvarchar(max) NULL,
  LastAttemptOnUtc datetime2(7) NULL,
  ProcessedOnUtc   datetime2(7) NULL,
  CONSTRAINT CK_Outbox_Id CHECK (LEN(Id) >= 1),
  CONSTRAINT CK_Outbox_EventType CHECK (LEN(EventType) >= 1),
  CONSTRAINT CK_Outbox_OrderingKey CHECK (LEN(OrderingKey) >= 1),
  CONSTRAINT CK_Outbox_Leased CHECK (State <> 1 OR LeaseToken IS NOT NULL),
  CONSTRAINT CK_Outbox_Finished CHECK (State NOT IN (2, 4) OR ProcessedOnUtc IS NOT NULL),
  CONSTRAINT CK_Outbox_Unfinished CHECK (State NOT IN (0, 1) OR ProcessedOnUtc IS NULL),
  CONSTRAINT UQ_Outbox_Id_Destination UNIQUE (Id, Destination)
);

CREATE INDEX IX_Outbox_Due ON dbo.OutboxMessages (Destination, DueAt, Seq) INCLUDE (OrderingKey, State, Claims) WHERE State < 2;
CREATE INDEX IX_Outbox_Key ON dbo.OutboxMessages (Destination, OrderingKey, Seq) INCLUDE (State, DueAt) WHERE State < 2;
-- Suspects go alone, and every claim asks for them: without this it would pass over every due row.
CREATE INDEX IX_Outbox_Suspect ON dbo.OutboxMessages (Destination, DueAt, Seq) INCLUDE (OrderingKey, State, Claims)
  WHERE State < 2 AND Claims >= 2;
-- Routing asks per event type, so that rows of types nobody routes cost it nothing.
CREATE INDEX IX_Outbox_Unrouted ON dbo.OutboxMessages (EventType, Seq) INCLUDE (State, DueAt)
  WHERE Destination = N'' AND State < 2;
CREATE INDEX IX_Outbox_Finished ON dbo.OutboxMessages (ProcessedOnUtc) WHERE State IN (2, 4);
CREATE INDEX IX_Outbox_Dead ON dbo.OutboxMessages (Destination, Seq) WHERE State = 3;

-- Destinations of the bus, and mail providers (mail:…): pause and breaker.
CREATE TABLE dbo.Destinations (
  Name              nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT PK_Destinations PRIMARY KEY,
  PausedOnUtc       datetime2(7) NULL,
  OpenUntil         datetime2(7) NULL,
  ProbeToken        nvarchar(36) COLLATE Latin1_General_BIN2 NULL,
  Failures          int NOT NULL CONSTRAINT DF_Destinations_Failures DEFAULT 0,
  Reason            nvarchar(max) NULL,
  LastAcceptedOnUtc datetime2(7) NULL
);

CREATE TABLE dbo.IdempotencyKeys (
  [Key]        nvarchar(255) COLLATE Latin1_General_BIN2 NOT NULL CONSTRAINT PK_IdempotencyKeys PRIMARY KEY,
  Fingerprint  nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  Answer       nvarchar(max) NOT NULL,
  ExpiresOnUtc datetime2(7) NOT NULL
);
CREATE INDEX IX_Keys_Expiry ON dbo.IdempotencyKeys (ExpiresOnUtc);

CREATE TABLE dbo.InboxMessages (
  Consumer            nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL,
  MessageId           nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
  -- NULL once erased
  Body                varbinary(max) NULL,
  -- 0 accepted, 1 sending, 2 sent, 3 parked, 4 in doubt, 5 refused (domain/delivery.rs)
  State               int NOT NULL CONSTRAINT CK_Inbox_State CHECK (State BETWEEN 0 AND 5),
  -- due to be sent, or end of the lease; NULL: nothing happens by itself
  DueAt               datetime2(7) NULL,
  LeaseToken          nvarchar(36) COLLATE Latin1_General_BIN2 NULL,
  Deliveries          int NOT NULL CONSTRAINT DF_Inbox_Deliveries DEFAULT 1,
  Attempts            int NOT NULL CONSTRAINT DF_Inbox_Attempts DEFAULT 0,
  Doubts              int NOT NULL CONSTRAINT DF_Inbox_Doubts DEFAULT 0,
  Provider            nvarchar(300) NULL,
  Reference           nvarchar(max) NULL,
  LastError           nvarchar(max) NULL,
  FirstTransientOnUtc datetime2(7) NULL,
  ReceivedOnUtc       datetime2(7) NOT NULL,
  FinishedOnUtc       datetime2(7) NULL,
  CONSTRAINT CK_Inbox_Leased CHECK (State <> 1 OR (LeaseToken IS NOT NULL AND DueAt IS NOT NULL)),
  CONSTRAINT PK_InboxMessages PRIMARY KEY (Consumer, MessageId)
);
CREATE INDEX IX_Inbox_Due ON dbo.InboxMessages (Consumer, DueAt) INCLUDE (State) WHERE State IN (0, 1, 3, 4);
CREATE INDEX IX_Inbox_Finished ON dbo.InboxMessages (FinishedOnUtc) WHERE State IN (2, 5);
-- Found without passing over 400 days of tombstones.
CREATE INDEX IX_Inbox_RefusedBody ON dbo.InboxMessages (FinishedOnUtc) WHERE State = 5;

-- What people did, and why. Written in the remedy's own transaction.
CREATE TABLE dbo.OperatorActions (
  Id     bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_OperatorActions PRIMARY KEY,
  OnUtc  datetime2(7) NOT NULL,
  Actor  nvarchar(200) NOT NULL,
  Action nvarchar(100) NOT NULL,
  Target nvarchar(600) NOT NULL,
  Reason nvarchar(max) NOT NULL
);
