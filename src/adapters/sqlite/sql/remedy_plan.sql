-- remedy_plan: stores a dry run. :token, :remedy the request as JSON, :expires
INSERT INTO RemedyPlans (Token, Remedy, ExpiresOnUtc) VALUES (:token, :remedy, :expires);
