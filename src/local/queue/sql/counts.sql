-- counts(:entity, :now): free (scheduled ones too), locked, dead.
SELECT
  count(*) FILTER (WHERE Entity = :entity AND LockedUntil <= :now),
  count(*) FILTER (WHERE Entity = :entity AND LockedUntil > :now),
  count(*) FILTER (WHERE Entity = :entity || '/$deadletterqueue')
FROM Messages
