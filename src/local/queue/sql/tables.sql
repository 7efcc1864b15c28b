-- tables: the stand-in's own file. Times are milliseconds since 1970 UTC. A dead-lettered message moves to the
-- entity `<entity>/$deadletterqueue`, from which it is received like any other.
CREATE TABLE IF NOT EXISTS Messages (
  Seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  Entity        TEXT NOT NULL,
  MessageId     TEXT NOT NULL,
  Body          BLOB NOT NULL,
  ContentType   TEXT,
  -- the settable broker properties, and the sender's own, each a JSON object
  Broker        TEXT NOT NULL,
  Properties    TEXT NOT NULL,
  EnqueuedAt    INTEGER NOT NULL,
  AvailableAt   INTEGER NOT NULL,
  ExpiresAt     INTEGER NOT NULL,
  DeliveryCount INTEGER NOT NULL DEFAULT 0,
  LockToken     TEXT,
  -- 0: not locked
  LockedUntil   INTEGER NOT NULL DEFAULT 0,
  DeadReason    TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS MessagesByEntity ON Messages (Entity, Seq);
-- for the first two statements of every receive, which would otherwise read the whole queue
CREATE INDEX IF NOT EXISTS MessagesByExpiry ON Messages (Entity, ExpiresAt);
CREATE INDEX IF NOT EXISTS MessagesByDeliveries ON Messages (Entity, DeliveryCount);
-- for settlements, which look up the lock
CREATE UNIQUE INDEX IF NOT EXISTS MessagesByLock ON Messages (LockToken) WHERE LockToken IS NOT NULL;

-- The ids that duplicate detection has seen; empty while it is off.
CREATE TABLE IF NOT EXISTS Seen (
  Entity    TEXT NOT NULL,
  MessageId TEXT NOT NULL,
  Until     INTEGER NOT NULL,
  PRIMARY KEY (Entity, MessageId)
) STRICT;
