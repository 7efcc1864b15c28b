-- inbox_at_fault: marks the provider as at fault for refusals of this kind, until it takes a mail. :provider, :alike
UPDATE Destinations SET RefusedAlike = :alike WHERE Name = :provider;
