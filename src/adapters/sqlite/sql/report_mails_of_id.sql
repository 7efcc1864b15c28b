-- report_mails_of_id: the mail that a person names by its message id, a GUID in any case.
-- :consumer, :exact, :lower, :upper, :on and :id of the mail where the page before ended, :most
WITH named AS MATERIALIZED (
  SELECT ReceivedOnUtc, MessageId
    FROM InboxMessages
   WHERE Consumer = :consumer AND MessageId IN (:exact, :lower, :upper)
)
SELECT ReceivedOnUtc, MessageId
  FROM named
 WHERE (ReceivedOnUtc, MessageId) < (:on, :id)
 ORDER BY ReceivedOnUtc DESC, MessageId DESC
 LIMIT :most;
