-- outbox_followers: the pending rows behind a row that was put back wait with it, never less than before. :seq, :due_at
-- +DueAt: without the plus the planner takes IX_Outbox_Due and passes over every due row of the destination.
UPDATE OutboxMessages
SET DueAt = :due_at
WHERE Destination = (SELECT Destination FROM OutboxMessages WHERE Seq = :seq)
  AND OrderingKey = (SELECT OrderingKey FROM OutboxMessages WHERE Seq = :seq)
  AND Seq > :seq AND State < 2 AND State = 0 AND +DueAt < :due_at
