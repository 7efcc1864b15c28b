-- outbox_settle_repeat: was this very lease settled before? :seq, :token
SELECT 1 FROM OutboxMessages WHERE Seq = :seq AND LeaseToken = :token AND State <> 1
