-- remedy_mail_facts: mails, with what decides whether a remedy may change them.
-- :ids JSON, :consumer
SELECT m.MessageId, m.State, m.Body IS NOT NULL AS HasBody, m.Provider,
       m.State || '.' || m.Attempts || '.' || coalesce(m.DueAt, '') AS Stamp
  FROM json_each(:ids) j
 CROSS JOIN InboxMessages m ON m.Consumer = :consumer AND m.MessageId = j.value;
