//! Breakages of booking: one transaction for record, message and idempotency key.

use super::Breakage;

pub const ALL: &[Breakage] = &[
    Breakage {
        name: "no-transaction",
        rule: "record and message are committed together or not at all",
        file: "src/adapters/sqlite/books_write.rs",
        from: "    change(db, now, &decision.change)?;\n",
        to: "    change(db, now, &decision.change)?;\n    db.execute_batch(\"COMMIT; BEGIN IMMEDIATE\")?;\n",
        test: "contracts::books::sqlite::a_record_without_its_message_cannot_be_written",
    },
    Breakage {
        name: "message-only",
        rule: "a message is not committed without its record",
        file: "src/adapters/sqlite/books_write.rs",
        from: "    change(db, now, &decision.change)?;\n    if let Some(message) = &decision.message {\n        \
               enqueue(db, now, message)?;\n    }\n",
        to: "    if let Some(message) = &decision.message {\n        enqueue(db, now, message)?;\n    }\n    \
             db.execute_batch(\"COMMIT; BEGIN IMMEDIATE\")?;\n    change(db, now, &decision.change)?;\n",
        test: "contracts::books::a_message_without_its_record_cannot_be_written",
    },
    Breakage {
        name: "key-outside-the-transaction",
        rule: "an idempotency key is looked up in the transaction that stores it",
        file: "src/adapters/sqlite/books.rs",
        from: "        let done = self.write(\"book\", move |tx, now| books_write::commit(tx, now, &entry, lifetime_ms)).await;",
        to: "        let key = entry.idempotency.as_ref().map(|(key, _)| key.as_str().to_owned());\n        \
             let look = \"SELECT count(*) FROM IdempotencyKeys WHERE Key = ?1\";\n        \
             let known = self.read(\"look\", move |tx, _| tx.query_row(look, [key], |row| row.get::<_, i64>(0))).await?;\n        \
             let done = self.write(\"book\", move |tx, now| {\n            \
                 let keyless = Entry { idempotency: entry.idempotency.clone().filter(|_| known > 0), ..entry.clone() };\n            \
                 let done = books_write::commit(tx, now, &keyless, lifetime_ms)?;\n            \
                 if let (Some((key, print)), Committed::Done(booked)) = (&entry.idempotency, &done) {\n                \
                     let answer = serde_json::to_string(booked).unwrap_or_default();\n                \
                     let store = \"INSERT OR REPLACE INTO IdempotencyKeys VALUES (?1, ?2, ?3, ?4)\";\n                \
                     tx.execute(store, (key.as_str(), print.as_str(), answer, now + lifetime_ms))?;\n            \
                 }\n            \
                 Ok(done)\n        \
             }).await;",
        test: "contracts::books::keys::sqlite::parallel_writes_with_one_key_leave_one_record_and_one_answer",
    },
    Breakage {
        name: "key-after-the-rules",
        rule: "a repeat is recognised before If-Match and uniqueness",
        file: "src/adapters/sqlite/books_write.rs",
        from: "    if let Some((key, fingerprint)) = &entry.idempotency\n        \
               && let Some(answered) = answered(db, now, key, fingerprint)?\n    {\n        \
               return Ok(answered);\n    }\n    \
               let decision = match entry.decide(&snapshot(db, &entry.command)?) {\n        \
               Ok(decision) => decision,\n        \
               Err(refusal) => return Ok(Committed::Refused(refusal)),\n    };\n",
        to: "    let decision = match entry.decide(&snapshot(db, &entry.command)?) {\n        \
             Ok(decision) => decision,\n        \
             Err(refusal) => return Ok(Committed::Refused(refusal)),\n    };\n    \
             if let Some((key, fingerprint)) = &entry.idempotency\n        \
             && let Some(answered) = answered(db, now, key, fingerprint)?\n    {\n        \
             return Ok(answered);\n    }\n",
        test: "contracts::books::keys::sqlite::a_repeat_is_recognised_before_if_match_and_uniqueness",
    },
    Breakage {
        name: "keys-forget-their-request",
        rule: "a key that stands for another request is refused",
        file: "src/adapters/columns/books.rs",
        from: "!= fingerprint.as_str() {",
        to: "!= fingerprint.as_str() && false {",
        test: "contracts::books::keys::sqlite::a_key_used_for_another_request_is_refused",
    },
    Breakage {
        name: "lost-answer-is-not-resolved",
        rule: "a booking with a key whose answer was lost is repeated and finds its first result",
        file: "src/flows/book.rs",
        from: "StoreError::Unknown { .. })) && entry.idempotency.is_some()",
        to: "StoreError::Unknown { .. })) && entry.idempotency.is_none()",
        test: "unknown_outcomes::a_booking_whose_answer_was_lost_finds_its_first_result_by_its_key",
    },
];
