-- minute_count: adds to this minute's count of a bucket. :name of the destination or mail provider, :bucket, :instance,
-- :added, :now
INSERT INTO MinuteCounts (MinuteUtc, Name, Bucket, Instance, Count)
VALUES (:now - :now % 60000, :name, :bucket, :instance, :added)
ON CONFLICT (MinuteUtc, Name, Bucket, Instance) DO UPDATE SET Count = Count + excluded.Count
