-- expire(:entity, :now): deletes messages past their time to live that are not locked; 100 a call, so that no receive waits long.
DELETE FROM Messages WHERE Seq IN (
  SELECT Seq FROM Messages WHERE Entity = :entity AND ExpiresAt <= :now AND LockedUntil <= :now LIMIT 100)
