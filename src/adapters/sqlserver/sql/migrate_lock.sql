-- migrate_lock: one process at a time. The lock is the session's, and goes with it. -1 and below (Babelfish: -999): not
-- granted. A table that another uses is waited for, but not for ever: whoever comes behind us waits too.
SET LOCK_TIMEOUT 60000;
DECLARE @got int;
EXEC @got = sp_getapplock @Resource = N'client-organizer migrate', @LockMode = 'Exclusive', @LockOwner = 'Session',
  @LockTimeout = 120000;
SELECT @got AS Got;
