-- migrate_lock: one process migrates at a time. The lock belongs to the session and ends with it. -1 and below
-- (Babelfish: -999): not granted. The wait for a table in use is bounded, since those behind us in the queue wait too.
SET LOCK_TIMEOUT 60000;
DECLARE @got int;
EXEC @got = sp_getapplock @Resource = N'client-organizer migrate', @LockMode = 'Exclusive', @LockOwner = 'Session',
  @LockTimeout = 120000;
SELECT @got AS Got;
