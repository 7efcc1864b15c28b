-- inbox_at_fault: the provider is at fault by refusals of this kind, until it takes a mail. :provider, :alike
UPDATE Destinations SET RefusedAlike = :alike WHERE Name = :provider;
