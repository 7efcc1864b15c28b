-- expire(:entity, :now): past their time to live and locked by nobody. 100 a call, so that no receive waits long.
DELETE FROM Messages WHERE Seq IN (
  SELECT Seq FROM Messages WHERE Entity = :entity AND ExpiresAt <= :now AND LockedUntil <= :now LIMIT 100)
