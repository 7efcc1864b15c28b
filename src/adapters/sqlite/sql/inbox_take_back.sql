-- inbox_take_back: accepts mails again that were refused alike since the provider last took one, if they have at least
-- :recipients different recipients, or the provider is already marked as at fault for this kind.
-- :consumer, :id the last of them and :back_ms its delay, :provider, :alike the kind of refusal, :recipients, :times how
-- often at most a mail is taken back, :newest how many finished mails are searched, :now
WITH newest AS (SELECT MessageId, State, Provider, FinishedOnUtc, RecipientHash, RefusedAlike, TakenBack, Body IS NOT NULL AS HasBody
                  FROM InboxMessages
                 WHERE State IN (2, 5) AND Consumer = :consumer
                 ORDER BY FinishedOnUtc DESC LIMIT :newest),
     fault AS (SELECT EXISTS (SELECT 1 FROM Destinations WHERE Name = :provider AND RefusedAlike = :alike) AS Known),
     alike AS (SELECT MessageId, RecipientHash
                 FROM newest, fault
                WHERE State = 5 AND RefusedAlike = :alike AND HasBody AND (fault.Known OR TakenBack < :times)
                  AND FinishedOnUtc >= coalesce((SELECT max(FinishedOnUtc) FROM newest WHERE State = 2 AND Provider = :provider), 0))
UPDATE InboxMessages
   SET State = 0, DueAt = :now + iif(MessageId = :id, :back_ms, 0), FinishedOnUtc = NULL,
       Fingerprint = NULL, FirstTransientOnUtc = NULL, DoubtedOnUtc = NULL, NotFound = 0,
       -- While the provider is at fault, the refusal of a probe does not count against the mail.
       TakenBack = TakenBack + NOT (SELECT Known FROM fault)
 WHERE Consumer = :consumer AND MessageId IN (SELECT MessageId FROM alike)
   AND ((SELECT Known FROM fault) OR (SELECT count(DISTINCT RecipientHash) FROM alike) >= :recipients)
RETURNING MessageId;
