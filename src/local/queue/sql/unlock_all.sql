-- unlock_all: at start. Whoever held a lock is gone with the old host; the broker would wait for the lock's end.
UPDATE Messages SET LockToken = NULL, LockedUntil = 0 WHERE LockToken IS NOT NULL
