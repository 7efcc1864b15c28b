-- ops_mail_found: a mail's state, and whether its content is still there.
-- :consumer, :id
SELECT State, Body IS NOT NULL AS HasBody FROM InboxMessages WHERE Consumer = :consumer AND MessageId = :id;
