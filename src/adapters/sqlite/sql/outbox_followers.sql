-- outbox_followers: delays the pending rows behind a row that was put back; no row becomes due earlier than before. :seq, :due_at
-- +DueAt: without the plus the planner uses IX_Outbox_Due and scans every due row of the destination.
UPDATE OutboxMessages
SET DueAt = :due_at
WHERE Destination = (SELECT Destination FROM OutboxMessages WHERE Seq = :seq)
  AND OrderingKey = (SELECT OrderingKey FROM OutboxMessages WHERE Seq = :seq)
  AND Seq > :seq AND ProcessedOnUtc IS NULL AND State = 0 AND +DueAt < :due_at
