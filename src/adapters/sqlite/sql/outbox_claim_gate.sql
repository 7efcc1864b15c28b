-- outbox_claim_gate: whether this claim may lease anything. :destination, :token, :now
SELECT coalesce(PausedUntilUtc > :now, 0) AS Paused,
       OpenUntil IS NOT NULL              AS IsOpen,
       ProbeToken IS :token               AS OurProbe,
       Failures,
       LastAcceptedOnUtc
FROM Destinations
WHERE Name = :destination
