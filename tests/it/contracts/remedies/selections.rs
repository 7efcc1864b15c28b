//! Which rows a selection takes: by id in any spelling, by each condition alone and together, by failure group.

use super::*;
use crate::support::backend::Backend;
use chrono::DateTime;
use client_organizer::domain::outbox::RowState;

contract!(
    a_message_is_meant_by_every_id_that_is_printed,
    rows_are_selected_by_each_condition_alone_and_in_pairs,
    the_limit_takes_the_oldest,
);

async fn a_message_is_meant_by_every_id_that_is_printed(backend: &impl Backend) {
    let guid = "01a20aad-5406-7624-8468-200154c49ec4";
    insert(backend, guid, "k", QUEUE, "dead");
    insert(backend, "Plain", "k2", QUEUE, "dead");
    let seq = number(backend, "SELECT Seq FROM OutboxMessages WHERE Id = 'Plain'").to_string();
    for text in [guid.to_owned(), guid.to_uppercase(), guid.replace('-', ""), format!(" {{{guid}}} ")] {
        let plan = plan(backend, REQUEUE, ids(&[&text])).await;
        assert_eq!((plan.count, plan.sample[0].id.as_str()), (1, guid), "{text}");
    }
    let plan_of = async |texts: &[&str]| plan(backend, REQUEUE, ids(texts)).await;
    let twice = plan_of(&["Plain", &seq, guid, guid]).await;
    assert_eq!((twice.count, twice.refused), (2, 0), "each row at most once");
    for text in ["plain", "0", "-1", "99999999999999999999", "x'; DROP TABLE OutboxMessages; --", "\u{202e}"] {
        assert_eq!((plan_of(&[text]).await.count, plan_of(&[text]).await.refused), (0, 1), "{text}");
    }
    insert(backend, &seq, "k3", QUEUE, "dead");
    assert_eq!(plan_of(&[&seq]).await.sample[0].id, seq, "an id before a seq");
}

async fn rows_are_selected_by_each_condition_alone_and_in_pairs(backend: &impl Backend) {
    let of = |n: usize, many: &[&'static str]| many[n % many.len()];
    let mut rows = Vec::new();
    for n in 0..60 {
        let id = format!("m{n:02}");
        let state = RowState::ALL[n % 5];
        let (destination, key) = (of(n, &[QUEUE, TOPIC, ""]), of(n / 2, &["k1", "k2", "k3", "k4"]));
        insert(backend, &id, key, destination, state.name());
        let (event_type, client, group) = (of(n / 3, &["Plain", "Other"]), (n / 4) % 2 + 7, of(n / 5, &["f1", "f2"]));
        let on = 1_700_000_000_000 + i64::try_from(n).unwrap() * 1_000;
        backend.execute(&format!(
            "UPDATE OutboxMessages SET EventType = '{event_type}', Subject = 'clients/{client}', Fingerprint = '{group}', \
             OccurredOnUtc = {} WHERE Id = '{id}'",
            backend.at_ms(on)
        ));
        rows.push((id, state, destination, key, event_type, i64::try_from(client).unwrap(), group, on));
    }
    let time = |ms: i64| DateTime::from_timestamp_millis(1_700_000_000_000 + ms);
    let none = MessageFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let mut conditions = vec![
        MessageFilter { destination: text(QUEUE), ..none() },
        MessageFilter { destination: text(""), ..none() },
        MessageFilter { ordering_key: text("k2"), ..none() },
        MessageFilter { event_type: text("Other"), ..none() },
        MessageFilter { client: Some(8), ..none() },
        MessageFilter { fingerprint: text("f2"), ..none() },
        MessageFilter { since: time(20_000), ..none() },
        MessageFilter { until: time(41_000), ..none() },
        MessageFilter { id: text("m33"), ..none() },
    ];
    conditions.extend(RowState::ALL.map(|state| MessageFilter { state: Some(state), ..none() }));
    let both = |one: &MessageFilter, other: &MessageFilter| MessageFilter {
        id: one.id.clone().or(other.id.clone()),
        client: one.client.or(other.client),
        event_type: one.event_type.clone().or(other.event_type.clone()),
        destination: one.destination.clone().or(other.destination.clone()),
        state: one.state.or(other.state),
        ordering_key: one.ordering_key.clone().or(other.ordering_key.clone()),
        fingerprint: one.fingerprint.clone().or(other.fingerprint.clone()),
        since: one.since.or(other.since),
        until: one.until.or(other.until),
    };
    for (place, one) in conditions.iter().enumerate() {
        for other in &conditions[place..] {
            let filter = both(one, other);
            let fits = |ours: Option<&str>, theirs: &str| ours.is_none_or(|ours| ours == theirs);
            let expected: Vec<&str> = rows
                .iter()
                .filter(|(id, state, destination, key, event_type, client, group, on)| {
                    let states = match filter.state {
                        Some(wanted) => wanted == *state,
                        None => filter.id.is_some() || matches!(state, RowState::Pending | RowState::Dead),
                    };
                    states
                        && fits(filter.id.as_deref(), id)
                        && fits(filter.destination.as_deref(), destination)
                        && fits(filter.ordering_key.as_deref(), key)
                        && fits(filter.event_type.as_deref(), event_type)
                        && fits(filter.fingerprint.as_deref(), group)
                        && filter.client.is_none_or(|wanted| wanted == *client)
                        && filter.since.is_none_or(|since| since.timestamp_millis() <= *on)
                        && filter.until.is_none_or(|until| until.timestamp_millis() > *on)
                })
                .map(|(id, ..)| id.as_str())
                .collect();
            let plan = plan(backend, Action::Discard, Selection::Messages(filter.clone())).await;
            let mut found: Vec<_> = plan.sample.iter().map(|row| row.id.as_str()).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
    let group = plan(backend, Action::Discard, Selection::Group("f2".to_owned())).await;
    let here =
        RemedyRequest { destination: text(QUEUE), ..request(Action::Discard, Selection::Group("f2".to_owned())) };
    let here = planned(backend, &here).await;
    assert!(group.count > here.count && here.count > 0, "{group:?}");
    assert!(here.sample.iter().all(|row| row.destination == QUEUE));
}

async fn the_limit_takes_the_oldest(backend: &impl Backend) {
    for n in 0..5 {
        insert(backend, &format!("m{n}"), "k", QUEUE, "dead");
    }
    let all = Selection::Messages(MessageFilter::default());
    let two = RemedyRequest { limit: 2, ..request(REQUEUE, all.clone()) };
    let plan = planned(backend, &two).await;
    assert_eq!((plan.count, plan.more), (2, true));
    assert_eq!(done_of(&run(backend, &plan).await), ["m0", "m1"]);
    let three = planned(backend, &RemedyRequest { limit: 3, ..two }).await;
    assert_eq!((three.count, three.more), (3, false));
}
