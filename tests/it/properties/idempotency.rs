//! Idempotency keys and fingerprints: one key stands for one request, however it is written and repeated.

use super::{now, one_in};
use crate::support::world::World;
use client_organizer::{
    domain::{
        booking::{BookedResult, Command},
        idempotency::{Fingerprint, IdempotencyKey},
        message::Headers,
        money::Money,
        period::Period,
        record::Figures,
    },
    flows::book::{self, WriteRequest},
    ports::books::Committed,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn part() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z/a-z0-9{}\"]{0,6}", "[\\x00-\\x20]{0,3}"]
}

proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn a_key_is_the_same_bare_and_quoted(key in "[ -~]{0,30}|[ -~]{250,260}") {
        let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
        let read = IdempotencyKey::parse(&quoted).map(|key| key.as_str().to_owned());
        let fits = (1..=255).contains(&key.len()) && !key.ends_with(' ');
        prop_assert_eq!(read.clone().ok(), fits.then(|| key.clone()), "{}", quoted);
        if !key.contains('"') && !key.starts_with(' ') && !key.ends_with(' ') {
            prop_assert_eq!(IdempotencyKey::parse(&key).map(|key| key.as_str().to_owned()), read, "{}", key);
        }
    }

    /// Moving a character over a border between two parts makes another request.
    #[test]
    fn two_requests_have_one_fingerprint_only_if_they_are_equal(one in (part(), part(), part(), part()), other in (part(), part(), part(), part())) {
        let of = |(method, path, if_match, body): &(String, String, String, String)| Fingerprint::of(method, path, Some(if_match), body.as_bytes());
        prop_assert_eq!(one == other, of(&one) == of(&other));
        let shifted = (format!("{}{}", one.0, one.1), String::new(), one.2.clone(), one.3.clone());
        prop_assert_eq!(one == shifted, of(&one) == of(&shifted));
    }
}

/// A booking: which key, and for which month and amount.
type Step = (Option<u8>, u8, i64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((proptest::option::weighted(0.8, 0..4_u8), 1..4_u8, 1..3_i64), 1..14)
}

proptest! {
    #![proptest_config(one_in(32))]

    /// Against a map of keys in the test: the first request of a key counts, its repeats get its answer, and another
    /// request under it is refused; each accepted one is booked once, with one message.
    #[test]
    fn a_key_books_once_whatever_is_sent_under_it(steps in steps()) {
        now(async {
            let world = World::new();
            let client = world.client(1).await;
            let rows = "SELECT COUNT(*) FROM OutboxMessages WHERE EventType = 'FinancialRecordCreated'";
            let (mut answers, mut booked) = (BTreeMap::new(), BTreeMap::new());
            for (key, month, grosze) in steps {
                let amount = Money::from_grosze(grosze).unwrap();
                let figures = Figures { income_tax: amount, vat: amount, insurance_amount: amount };
                let fingerprint = Fingerprint::of("POST", "/api/clients/1/finance", None, format!("{month} {grosze}").as_bytes());
                let idempotency = key.map(|key| (IdempotencyKey::parse(&format!("key {key}")).unwrap(), fingerprint));
                let command = Command::CreateRecord(client, Period::new(2026, month).unwrap(), figures);
                let request = WriteRequest { command, if_match: None, idempotency, headers: Headers::default() };
                let answer = book::book(&world.book, request).await.unwrap();
                match (key.and_then(|key| answers.get(&key)), answer) {
                    (Some((first, id)), Committed::Replayed(again)) => {
                        prop_assert_eq!(*first, (month, grosze), "the same request");
                        prop_assert_eq!(&again.message_id, id);
                    }
                    (Some((first, _)), Committed::Refused(_)) => prop_assert_ne!(*first, (month, grosze)),
                    (None, Committed::Refused(_)) => prop_assert!(booked.contains_key(&month), "the month is free"),
                    (None, Committed::Done(done)) => {
                        prop_assert!(matches!(done.result, BookedResult::RecordCreated(_)));
                        prop_assert_eq!(booked.insert(month, grosze), None, "a month is booked once");
                        if let Some(key) = key {
                            answers.insert(key, ((month, grosze), done.message_id));
                        }
                    }
                    (known, other) => prop_assert!(false, "{known:?} {other:?}"),
                }
                prop_assert_eq!(world.count(rows), i64::try_from(booked.len()).unwrap());
            }
            Ok(())
        })?;
    }
}
