-- remedy_ids: the rows of the messages that a person names, each by its id, a GUID in any case, or the Seq of a row.
-- :texts JSON [{p: its place, e: as typed, l: in lower case, u: in upper case, s: as a number}]
WITH wanted AS MATERIALIZED (
  SELECT value ->> 'p' AS Place, value ->> 'e' AS Exact, value ->> 'l' AS Lower, value ->> 'u' AS Upper,
         value ->> 's' AS Seq
    FROM json_each(:texts)
), by_id AS MATERIALIZED (
  SELECT w.Place, o.Seq, o.Id FROM wanted w CROSS JOIN OutboxMessages o WHERE o.Id IN (w.Exact, w.Lower, w.Upper)
)
SELECT Place, CAST(Seq AS TEXT) AS Target, Id FROM by_id
 UNION ALL
SELECT w.Place, CAST(o.Seq AS TEXT), o.Id
  FROM wanted w CROSS JOIN OutboxMessages o ON o.Seq = w.Seq
 WHERE w.Place NOT IN (SELECT Place FROM by_id);
