-- unlock_all: at start. The receivers of the old host are gone; Service Bus would wait for the locks to end.
UPDATE Messages SET LockToken = NULL, LockedUntil = 0 WHERE LockToken IS NOT NULL
