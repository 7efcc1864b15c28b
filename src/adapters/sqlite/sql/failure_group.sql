-- failure_group: stores the group of failures that are alike, with one of them as the sample.
-- :fingerprint, :name of the destination or mail provider, :class, :error, :sample, :now
INSERT INTO FailureGroups (Fingerprint, Name, Class, Error, SampleId, FirstSeenUtc, LastSeenUtc)
VALUES (:fingerprint, :name, :class, :error, :sample, :now, :now)
ON CONFLICT (Fingerprint) DO UPDATE SET SampleId = excluded.SampleId, LastSeenUtc = excluded.LastSeenUtc
