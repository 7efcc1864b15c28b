-- inbox_refused_alike: stores the kind of refusal of a refused mail. :consumer, :id, :alike
UPDATE InboxMessages SET RefusedAlike = :alike WHERE Consumer = :consumer AND MessageId = :id AND State = 5;
