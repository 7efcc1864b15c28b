-- remedy_mail_ids: the mails that a person names, each by its id, a GUID in any case, or the Seq of an outbox row.
-- :texts JSON [{p: its place, e: as typed, l: in lower case, u: in upper case, s: as a number}], :consumer
WITH wanted AS MATERIALIZED (
  SELECT value ->> 'p' AS Place, value ->> 'e' AS Exact, value ->> 'l' AS Lower, value ->> 'u' AS Upper,
         value ->> 's' AS Seq
    FROM json_each(:texts)
), by_id AS MATERIALIZED (
  SELECT w.Place, m.MessageId
    FROM wanted w
   CROSS JOIN InboxMessages m
   WHERE m.Consumer = :consumer AND m.MessageId IN (w.Exact, w.Lower, w.Upper)
)
SELECT Place, MessageId AS Target, MessageId AS Id FROM by_id
 UNION ALL
SELECT w.Place, m.MessageId, m.MessageId
  FROM wanted w
 CROSS JOIN OutboxMessages o ON o.Seq = w.Seq
 CROSS JOIN InboxMessages m ON m.Consumer = :consumer AND m.MessageId = o.Id
 WHERE w.Place NOT IN (SELECT Place FROM by_id);
