-- outbox_settle_repeat: a row if this lease was settled before. :seq, :token
SELECT 1 FROM OutboxMessages WHERE Seq = :seq AND LeaseToken = :token AND State <> 1
