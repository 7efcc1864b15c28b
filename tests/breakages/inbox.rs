//! Breakages of the inbox and of mailing.

use super::Breakage;

pub const ALL: &[Breakage] = &[
    Breakage {
        name: "check-then-act-inbox",
        rule: "a delivery is recognised and stored in one step, so that of many at once one mails",
        file: "src/adapters/sqlite/inbox.rs",
        from: "        self.write(\"take in\", move |tx, now| begin(tx, now, &consumer, &delivery, &addressee, &lease)).await",
        to: "        let id = delivery.message_id.clone();\n        \
             let look = \"SELECT count(*) FROM InboxMessages WHERE MessageId = ?1\";\n        \
             let known = self.read(\"look\", move |tx, _| tx.query_row(look, [id], |row| row.get::<_, i64>(0))).await?;\n        \
             self.write(\"take in\", move |tx, now| {\n            \
                 if known == 0 {\n                \
                     tx.execute(\"DELETE FROM InboxMessages WHERE MessageId = ?1\", [&delivery.message_id])?;\n            \
                 }\n            \
                 begin(tx, now, &consumer, &delivery, &addressee, &lease)\n        \
             })\n        .await",
        test: "contracts::inbox::sqlite::one_of_many_parallel_deliveries_gets_the_lease",
    },
    Breakage {
        name: "begin-takes-a-leased-mail",
        rule: "a delivery does not mail what another is mailing",
        file: "src/adapters/sqlite/sql/inbox_begin.sql",
        from: "State = iif(State = 0 AND DueAt <= :now, excluded.State, State),\n       \
               DueAt = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.DueAt, DueAt),\n       \
               LeaseToken = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.LeaseToken, LeaseToken),",
        to: "State = iif(State IN (0, 1), excluded.State, State),\n       \
             DueAt = iif(State IN (0, 1) AND excluded.State = 1, excluded.DueAt, DueAt),\n       \
             LeaseToken = iif(State IN (0, 1) AND excluded.State = 1, excluded.LeaseToken, LeaseToken),",
        test: "contracts::inbox::sqlite::one_of_many_parallel_deliveries_gets_the_lease",
    },
    Breakage {
        name: "sent-mails-are-not-remembered",
        rule: "a message that was mailed is recognised when it is delivered again",
        file: "src/adapters/sqlite/sql/inbox_begin.sql",
        from: "State = iif(State = 0 AND DueAt <= :now, excluded.State, State),\n       \
               DueAt = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.DueAt, DueAt),\n       \
               LeaseToken = iif(State = 0 AND DueAt <= :now AND excluded.State = 1, excluded.LeaseToken, LeaseToken),",
        to: "State = iif(State IN (0, 2), excluded.State, State), Body = iif(State = 2, excluded.Body, Body),\n       \
             DueAt = iif(State IN (0, 2) AND excluded.State = 1, excluded.DueAt, DueAt),\n       \
             LeaseToken = iif(State IN (0, 2) AND excluded.State = 1, excluded.LeaseToken, LeaseToken),",
        test: "contracts::inbox::sqlite::a_tombstone_recognises_a_repeat_when_the_body_is_gone",
    },
    Breakage {
        name: "mails-settle-without-a-lease",
        rule: "an outcome is lost once another has leased the mail",
        file: "src/adapters/sqlite/sql/inbox_settle.sql",
        from: "AND MessageId = :id AND LeaseToken = :token",
        to: "AND MessageId = :id AND :token IS NOT NULL",
        test: "contracts::inbox::sqlite::a_late_outcome_is_lost_once_another_leased_the_mail",
    },
    Breakage {
        name: "a-late-outcome-leaves-the-doubt",
        rule: "a late outcome ends the doubt while no other has leased the mail",
        file: "src/adapters/sqlite/sql/inbox_settle.sql",
        from: "AND (State = 1 OR (State = 4 AND :state <> 4))",
        to: "AND State = 1",
        test: "contracts::inbox::sqlite::a_late_outcome_ends_the_doubt_while_no_other_leased_the_mail",
    },
    Breakage {
        name: "silent-resend",
        rule: "a mail whose lease ran out is reported as in doubt before it is sent again",
        file: "src/adapters/sqlite/sql/inbox_expire.sql",
        from: "SET State = 4, Doubts = Doubts + 1,",
        to: "SET State = 3,",
        test: "contracts::inbox::sqlite::a_mail_whose_lease_ran_out_is_in_doubt_and_due_where_doubts_are_resent",
    },
    Breakage {
        name: "held-mails-are-resent",
        rule: "where a person decides about doubts, nothing is sent again by itself",
        file: "src/adapters/sqlite/sql/inbox_expire.sql",
        from: "DueAt = iif(:resend, :now, NULL)",
        to: "DueAt = coalesce(:now, :resend)",
        test: "contracts::inbox::sqlite::a_mail_whose_lease_ran_out_is_held_where_a_person_decides",
    },
    Breakage {
        name: "unknown-is-parked",
        rule: "a mail of which the provider's answer is not known is in doubt, and reported",
        file: "src/domain/mail_verdict.rs",
        from: "MailVerdict::of(MailSettlement::InDoubt { delay_ms, reason: reason.clone() })",
        to: "MailVerdict::of(MailSettlement::Parked {\n                \
             delay_ms: delay_ms.unwrap_or(0),\n                reason: reason.clone(),\n                \
             recipient_failed: false,\n            })",
        test: "rivers::a_mail_cut_off_after_it_was_handed_over_is_in_doubt_and_reported",
    },
    Breakage {
        name: "a-providers-outage-refuses-mails",
        rule: "an outage of the provider gives no mail up",
        file: "src/domain/mail_verdict.rs",
        from: "            let settlement = MailSettlement::Parked { delay_ms, reason: reason.clone(), recipient_failed: false };\n            \
               MailVerdict { breaker, ..MailVerdict::of(settlement) }",
        to: "            let _ = delay_ms;\n            let settlement = MailSettlement::Refused { reason: reason.clone() };\n            \
             MailVerdict { breaker, ..MailVerdict::of(settlement) }",
        test: "rivers::a_mail_provider_down_for_a_day_loses_no_mail_and_fails_no_delivery",
    },
    Breakage {
        name: "our-own-refusals-condemn-mails",
        rule: "mails to different recipients that are refused alike are taken back: the fault is ours",
        file: "src/adapters/sqlite/sql/inbox_take_back.sql",
        from: ">= :recipients)",
        to: ">= :recipients + 1000)",
        test: "refused_alike::the_fifth_recipient_refused_alike_takes_all_five_back_and_none_is_lost",
    },
    Breakage {
        name: "a-persons-word-for-the-providers",
        rule: "a mail that an operator counts as sent does not show that the provider works",
        file: "src/adapters/sqlite/sql/inbox_take_back.sql",
        from: "WHERE State = 2 AND Provider = :provider",
        to: "WHERE State = 2",
        test: "refused_alike::a_mail_that_an_operator_counts_as_sent_does_not_end_the_series",
    },
    Breakage {
        name: "an-old-kind-of-refusal-counts",
        rule: "the kind of an earlier refusal is forgotten with the next outcome",
        file: "src/adapters/sqlite/sql/inbox_settle.sql",
        from: "RefusedAlike = NULL",
        to: "RefusedAlike = RefusedAlike",
        test: "contracts::inbox::history::sqlite::a_kind_of_refusal_is_forgotten_with_the_next_outcome",
    },
    Breakage {
        name: "tombstones-pruned-early",
        rule: "tombstones stay for their retention, so that a late repeat is recognised",
        file: "src/adapters/sqlite/sql/prune_tombstones.sql",
        from: "FinishedOnUtc <= :before",
        to: "FinishedOnUtc <= :before + 86400000000",
        test: "contracts::retention::sqlite::tombstones_are_deleted_after_their_retention_and_unfinished_mails_never",
    },
    Breakage {
        name: "rate-limit-per-process",
        rule: "all processes share one rate limit of the provider",
        file: "src/adapters/sqlite/sql/rate_limit_lease.sql",
        from: "VALUES (:token, :id, :provider, :lease_ends);",
        to: "VALUES (:token, :id, :provider || :token, :lease_ends);",
        test: "contracts::rate_limit::sqlite::all_processes_share_one_rate_limit",
    },
    Breakage {
        name: "a-lost-delivery-is-confirmed",
        rule: "a delivery that could not be stored is not confirmed to the broker",
        file: "src/functions/send_email.rs",
        from: "invocation::failed(StatusCode::INTERNAL_SERVER_ERROR, \"the message could not be stored\")",
        to: "invocation::failed(StatusCode::OK, \"the message could not be stored\")",
        test: "host_contract::a_timer_run_whose_store_failed_is_a_failed_run",
    },
];
