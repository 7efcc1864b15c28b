-- inbox_refused_alike: notes how a refused mail was refused. :consumer, :id, :alike
UPDATE InboxMessages SET RefusedAlike = :alike WHERE Consumer = :consumer AND MessageId = :id AND State = 5;
