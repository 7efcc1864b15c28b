//! Breakages of the dispatching flow, and of what an outcome means.

use super::Breakage;

pub const ALL: &[Breakage] = &[
    Breakage {
        name: "settle-before-publish",
        rule: "a row is settled as sent after the bus has accepted it, never before",
        file: "src/flows/batch.rs",
        from: "        let began = Instant::now();\n",
        to: "        let early = self.claimed.rows.iter().map(|row| (row.seq, Settlement::Sent)).collect();\n        \
             let early = Settle { destination: destination.clone(), token, rows: early, breaker: BreakerChange::Leave };\n        \
             context.outbox.settle(&early).await?;\n        let began = Instant::now();\n",
        test: "rivers::a_bus_down_for_a_day_burns_no_retry_and_then_everything_goes_out_in_order",
    },
    Breakage {
        name: "outage-counts-as-a-retry",
        rule: "an outage of the destination burns no retry of any message",
        file: "src/domain/verdict.rs",
        from: "if is_poison(claimed, row, &[LastOutcome::Blocked]) => {",
        to: "if true => {",
        test: "rivers::a_bus_down_for_a_day_burns_no_retry_and_then_everything_goes_out_in_order",
    },
    Breakage {
        name: "outage-opens-no-breaker",
        rule: "an outage opens the breaker, and one row goes per probe",
        file: "src/domain/verdict.rs",
        from: "        Some((for_ms, reason)) => BreakerChange::Open { for_ms, reason },",
        to: "        Some(_) => BreakerChange::Leave,",
        test: "rivers::an_open_breaker_lets_one_row_through_per_probe",
    },
    Breakage {
        name: "unknown-counts-as-sent",
        rule: "a message that timed out may not be stored: it is sent again",
        file: "src/domain/verdict.rs",
        from: "            PublishOutcome::TimedOut { reason } if accepted_any => {",
        to: "            PublishOutcome::TimedOut { .. } => Settlement::Sent,\n            \
             PublishOutcome::TimedOut { reason } if accepted_any => {",
        test: "unknown_outcomes::a_message_that_times_out_is_sent_again_under_its_id",
    },
    Breakage {
        name: "missing-outcome-counts-as-accepted",
        rule: "a message for which the bus reports nothing may not be stored: it is sent again",
        file: "src/flows/batch.rs",
        from: "PublishOutcome::TimedOut { reason: \"the bus adapter gave no outcome\".to_owned() }",
        to: "PublishOutcome::Accepted",
        test: "unknown_outcomes::a_message_without_an_outcome_is_sent_again_under_its_id",
    },
    Breakage {
        name: "no-headroom",
        rule: "the bus is given the time of the lease minus the headroom, so that no other publishes the row meanwhile",
        file: "src/flows/batch.rs",
        from: "lease_end - millis(context.settings.headroom_ms)",
        to: "lease_end + millis(context.settings.headroom_ms)",
        test: "unknown_outcomes::the_bus_has_to_answer_before_the_lease_ends",
    },
    Breakage {
        name: "settle-is-not-repeated",
        rule: "a settle that the store refuses for now is repeated while the lease lasts",
        file: "src/flows/batch.rs",
        from: "lease::within(lease_end, || context.outbox.settle(settle))",
        to: "context.outbox.settle(settle)",
        test: "flaky_store::a_settle_is_tried_again_as_long_as_its_lease_lasts",
    },
    Breakage {
        name: "one-bad-row-stops-the-batch",
        rule: "a row that can never be sent is dead, and its neighbours are sent",
        file: "src/flows/batch.rs",
        from: "            Err(error) => {\n                let dead",
        to: "            Err(error) => {\n                if !going.rows.is_empty() { panic!(\"{error}\") }\n                let dead",
        test: "rivers::malformed_payloads_are_dead_with_the_reason_and_stop_no_other",
    },
    Breakage {
        name: "poison-is-not-recognised",
        rule: "a message that cuts the connection each time is dead in the end",
        file: "src/domain/verdict.rs",
        from: "    claimed.rows.len() == 1 && fails_again(claimed, row, before)",
        to: "    claimed.rows.is_empty() && fails_again(claimed, row, before)",
        test: "rivers::a_row_that_cuts_the_connection_is_set_dead_and_does_not_stop_the_destination",
    },
    Breakage {
        name: "an-old-row-passes-a-new-one",
        rule: "a requeued row does not arrive after a newer one of its key, unless a person allows it",
        file: "src/domain/remedy.rs",
        from: "Some(id) if !out_of_order => Err(",
        to: "Some(id) if false && !out_of_order => Err(",
        test: "contracts::remedies::life::again::sqlite::an_older_row_goes_after_a_newer_one_only_on_request",
    },
    Breakage {
        name: "a-repeat-vanishes-at-the-bus",
        rule: "within the duplicate detection window, an id that the bus may hold is not sent again",
        file: "src/domain/remedy.rs",
        from: "    if left_ms <= 0 {",
        to: "    if left_ms <= i64::MAX {",
        test: "contracts::remedies::life::again::sqlite::a_row_that_the_bus_may_hold_is_requeued_only_after_the_window",
    },
];
