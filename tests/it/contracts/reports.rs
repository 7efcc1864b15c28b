//! The reports contract: lists are complete and stable, filters mean what they say, an overview counts what waits.

use crate::support::backend::Backend;
use chrono::DateTime;
use client_organizer::{
    adapters::clock::SystemClock,
    domain::{
        delivery::{EMAIL_CONSUMER, MailState},
        operations::{
            AuditFilter, EventKind, GroupFilter, MailFilter, MailLine, MessageFilter, MessageLine, Overview, Signature,
        },
        outbox::RowState,
        rate_limit::RateLimit,
        recipient::RecipientKey,
        route::Routes,
    },
    flows::{
        operate::{self, OperateContext},
        overviews::Overviews,
    },
    ports::operations::{OverviewQuery, PageRequest},
};
use std::{collections::BTreeMap, sync::Arc};

contract!(
    every_filter_alone_and_in_pairs_finds_what_a_look_at_all_rows_finds,
    pages_of_any_size_are_the_whole_list_while_rows_arrive,
    every_filter_of_mails_finds_what_a_look_at_all_mails_finds,
    a_row_or_mail_of_absurd_values_is_listed_once,
    an_invalid_place_is_an_empty_page,
    a_message_shows_its_life_from_the_commit_to_the_mail,
    a_message_is_found_by_id_in_any_case_and_by_seq,
    an_id_that_is_a_number_is_found_before_a_row_of_that_seq,
    groups_show_what_is_in_them_now,
    actions_are_listed_and_found_by_message,
    actions_are_found_by_whatever_names_the_message,
    an_overview_counts_what_waits_and_why,
    a_row_behind_another_of_its_key_does_not_count_as_lag,
    an_overview_shows_minutes_and_heartbeats,
    a_rare_type_in_a_long_history_is_found_in_short_steps,
    a_payload_is_masked_unless_a_person_asks_which_is_recorded,
    an_overview_names_what_needs_a_person,
);

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
const QUEUE: &str = "queue:client-emails";
const TOPIC: &str = "topic:finance";

fn all() -> PageRequest {
    PageRequest { before: None, limit: 200 }
}

/// Rows of every state, two destinations, two types, three clients, two keys, two fingerprints, in no order of time and
/// with equal times.
fn rows(backend: &impl Backend) {
    for n in 0..40_i64 {
        let state = n % 5;
        let at = backend.at_ms(1_700_000_000_000 + n * 7_919 % 11 * 1_000);
        let text = |value: Option<String>| value.map_or("NULL".to_owned(), |value| format!("'{value}'"));
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload, Subject, OccurredOnUtc, State, \
                                         LeaseToken, LastError, Fingerprint, ProcessedOnUtc) \
             VALUES ('m{n}', '{}', '{}', {}, '{{}}', {}, {at}, {state}, {}, {}, {}, {})",
            ["Created", "Updated"][usize::try_from(n % 2).unwrap()],
            [QUEUE, TOPIC, QUEUE][usize::try_from(n % 3).unwrap()],
            text((n % 4 > 0).then(|| format!("k{}", n % 4))),
            text((n % 7 > 0).then(|| format!("clients/{}", n % 7 % 3 + 1))),
            text((state == 1).then(|| "t".to_owned())),
            text((state == 3).then(|| "550 <anna@example.pl> refused".to_owned())),
            text((state == 3).then(|| format!("f{}", n % 2))),
            if [2, 4].contains(&state) { at.as_str() } else { "NULL" },
        ));
    }
}

/// The conditions of a filter one by one, each as a filter of its own.
fn conditions() -> Vec<MessageFilter> {
    let none = MessageFilter::default;
    let time = |ms: i64| DateTime::from_timestamp_millis(1_700_000_000_000 + ms);
    let mut one_each = vec![
        MessageFilter { id: Some("m7".to_owned()), ..none() },
        MessageFilter { client: Some(2), ..none() },
        MessageFilter { event_type: Some("Created".to_owned()), ..none() },
        MessageFilter { destination: Some(TOPIC.to_owned()), ..none() },
        MessageFilter { ordering_key: Some("k2".to_owned()), ..none() },
        MessageFilter { fingerprint: Some("f1".to_owned()), ..none() },
        MessageFilter { since: time(4_000), ..none() },
        MessageFilter { since: time(4_001), ..none() },
        MessageFilter { until: time(6_000), ..none() },
        MessageFilter { until: time(6_000).map(|at| at + chrono::TimeDelta::microseconds(1)), ..none() },
    ];
    one_each.extend(RowState::ALL.map(|state| MessageFilter { state: Some(state), ..none() }));
    one_each
}

fn both(one: &MessageFilter, other: &MessageFilter) -> MessageFilter {
    let (one, other) = (one.clone(), other.clone());
    MessageFilter {
        id: one.id.or(other.id),
        client: one.client.or(other.client),
        event_type: one.event_type.or(other.event_type),
        destination: one.destination.or(other.destination),
        state: one.state.or(other.state),
        ordering_key: one.ordering_key.or(other.ordering_key),
        fingerprint: one.fingerprint.or(other.fingerprint),
        since: one.since.or(other.since),
        until: one.until.or(other.until),
    }
}

/// What the filter means, said once more and without an index.
fn matches(filter: &MessageFilter, row: &MessageLine) -> bool {
    let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
    is(&filter.id, &row.id)
        && filter.client.is_none_or(|client| row.subject == Some(format!("clients/{client}")))
        && is(&filter.event_type, &row.event_type)
        && is(&filter.destination, &row.destination)
        && filter.state.is_none_or(|state| state == row.state)
        && (filter.ordering_key.is_none() || filter.ordering_key == row.ordering_key)
        && (filter.fingerprint.is_none() || filter.fingerprint == row.fingerprint)
        && filter.since.is_none_or(|since| row.occurred_on >= since)
        && filter.until.is_none_or(|until| row.occurred_on < until)
}

async fn every_filter_alone_and_in_pairs_finds_what_a_look_at_all_rows_finds(backend: &impl Backend) {
    rows(backend);
    let reports = backend.reports();
    let everything = reports.messages(&MessageFilter::default(), &all()).await.unwrap();
    assert_eq!((everything.items.len(), everything.next), (40, None));
    let order: Vec<_> = everything.items.iter().map(|row| (row.occurred_on, row.seq)).collect();
    assert!(order.is_sorted_by(|newer, older| newer > older), "newest first: {order:?}");
    for one in conditions() {
        for other in conditions() {
            let filter = both(&one, &other);
            let found = reports.messages(&filter, &all()).await.unwrap().items;
            let expected: Vec<_> = everything.items.iter().filter(|row| matches(&filter, row)).cloned().collect();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
    let dead = everything.items.iter().find(|row| row.state == RowState::Dead).unwrap();
    assert_eq!(dead.last_error.as_deref(), Some("550 <<address>> refused"), "no address is shown");
}

async fn pages_of_any_size_are_the_whole_list_while_rows_arrive(backend: &impl Backend) {
    rows(backend);
    let reports = backend.reports();
    let filters = [
        MessageFilter::default(),
        MessageFilter { state: Some(RowState::Dead), ..MessageFilter::default() },
        MessageFilter { client: Some(2), ..MessageFilter::default() },
        MessageFilter { state: Some(RowState::Leased), ..MessageFilter::default() },
    ];
    let mut late = 0;
    for filter in filters {
        for limit in [1, 2, 3, 7, 40] {
            let ids = |items: Vec<MessageLine>| items.into_iter().map(|row| row.id).collect::<Vec<_>>();
            let whole = ids(reports.messages(&filter, &all()).await.unwrap().items);
            let (mut paged, mut before) = (Vec::new(), None);
            for turn in 0..200 {
                let page = reports.messages(&filter, &PageRequest { before, limit }).await.unwrap();
                assert!(page.items.len() <= limit as usize);
                paged.extend(ids(page.items));
                if turn < 2 {
                    late += 1;
                    backend.execute(&format!(
                        "INSERT INTO OutboxMessages (Id, EventType, Payload, Subject, State) \
                         VALUES ('late{late}', 'E', '1', 'clients/2', 3)"
                    ));
                }
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(paged, whole, "{filter:?} by {limit}");
        }
    }
}

fn mails(backend: &impl Backend) {
    for n in 0..36_i64 {
        let state = n % 6;
        let at = backend.at_ms(1_700_000_000_000 + n * 7_919 % 11 * 1_000);
        let due = if [0, 1, 3].contains(&state) || n % 12 == 4 { at.as_str() } else { "NULL" };
        let finished = if [2, 5].contains(&state) { at.as_str() } else { "NULL" };
        let token = if state == 1 { "'t'" } else { "NULL" };
        let fingerprint = if state == 5 { format!("'f{}'", n % 4) } else { "NULL".to_owned() };
        for consumer in [EMAIL_CONSUMER, "Other"] {
            backend.execute(&format!(
                "INSERT INTO InboxMessages (Consumer, MessageId, State, DueAt, LeaseToken, ReceivedOnUtc, FinishedOnUtc, \
                                            Subject, RecipientHash, Fingerprint) \
                 VALUES ('{consumer}', 'm{n}', {state}, {due}, {token}, {at}, {finished}, 'clients/{}', 'h{}', {fingerprint})",
                n % 3 + 1,
                n % 4,
            ));
        }
    }
}

async fn every_filter_of_mails_finds_what_a_look_at_all_mails_finds(backend: &impl Backend) {
    mails(backend);
    let reports = backend.reports();
    let mut everything: Vec<MailLine> = Vec::new();
    for state in MailState::ALL {
        let filter = MailFilter { state: Some(state), ..MailFilter::default() };
        let page = reports.mails(EMAIL_CONSUMER, &filter, &all()).await.unwrap();
        assert!(page.items.iter().all(|mail| mail.state == state));
        everything.extend(page.items);
    }
    assert_eq!(everything.len(), 36, "of one consumer");
    everything.sort_by(|one, other| (other.received_on, &other.message_id).cmp(&(one.received_on, &one.message_id)));

    let none = MailFilter::default;
    let mut conditions = vec![
        MailFilter { id: Some("m7".to_owned()), ..none() },
        MailFilter { client: Some(2), ..none() },
        MailFilter { recipient_hash: Some("h1".to_owned()), ..none() },
        MailFilter { fingerprint: Some("f1".to_owned()), ..none() },
    ];
    conditions.extend(MailState::ALL.map(|state| MailFilter { state: Some(state), ..none() }));
    let hash_of = |mail: &MailLine| format!("h{}", mail.message_id[1..].parse::<i64>().unwrap() % 4);
    for one in &conditions {
        for other in &conditions {
            let (one, other) = (one.clone(), other.clone());
            let filter = MailFilter {
                id: one.id.or(other.id),
                client: one.client.or(other.client),
                recipient_hash: one.recipient_hash.or(other.recipient_hash),
                state: one.state.or(other.state),
                fingerprint: one.fingerprint.or(other.fingerprint),
            };
            let matches = |mail: &&MailLine| {
                filter.id.as_ref().is_none_or(|id| *id == mail.message_id)
                    && filter.client.is_none_or(|client| mail.subject == Some(format!("clients/{client}")))
                    && filter.recipient_hash.as_ref().is_none_or(|hash| *hash == hash_of(mail))
                    && filter.state.is_none_or(|state| state == mail.state)
                    && (filter.fingerprint.is_none() || filter.fingerprint == mail.fingerprint)
            };
            let expected: Vec<_> = everything.iter().filter(matches).cloned().collect();
            let found = reports.mails(EMAIL_CONSUMER, &filter, &all()).await.unwrap().items;
            assert_eq!(found, expected, "{filter:?}");
        }
    }

    let not_sent: Vec<_> = everything.iter().filter(|mail| mail.state != MailState::Sent).cloned().collect();
    for limit in [1, 4, 29, 30, 31] {
        let (mut paged, mut before) = (Vec::new(), None);
        for _ in 0..40 {
            let page = reports.mails(EMAIL_CONSUMER, &none(), &PageRequest { before, limit }).await.unwrap();
            paged.extend(page.items);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(paged, not_sent, "by {limit}");
    }
}

async fn a_row_or_mail_of_absurd_values_is_listed_once(backend: &impl Backend) {
    let hostile = "\u{1b}[2J<script>\u{202e}'' & 🦀 ".repeat(5);
    for (n, ms) in [0, -62_135_596_800_000, 253_402_300_799_000].into_iter().enumerate() {
        let at = backend.at_ms(ms);
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload, Headers, Subject, OccurredOnUtc, State, LastError) \
             VALUES ('{n}{hostile}', '{hostile}', '{hostile}', '[{n}', '{hostile}', {at}, 3, '{hostile}')"
        ));
        backend.execute(&format!(
            "INSERT INTO InboxMessages (Consumer, MessageId, State, ReceivedOnUtc, Subject, LastError) \
             VALUES ('{EMAIL_CONSUMER}', '{n}{hostile}', 5, {at}, '{hostile}', '{hostile}')"
        ));
    }
    let reports = backend.reports();
    let (mut rows, mut mails, mut before, mut before_mail) = (Vec::new(), Vec::new(), None, None);
    for _ in 0..3 {
        let page = reports.messages(&MessageFilter::default(), &PageRequest { before, limit: 1 }).await.unwrap();
        rows.extend(page.items.into_iter().map(|row| row.id));
        before = page.next;
        let mail_page = PageRequest { before: before_mail, limit: 1 };
        let page = reports.mails(EMAIL_CONSUMER, &MailFilter::default(), &mail_page).await.unwrap();
        mails.extend(page.items.into_iter().map(|mail| mail.message_id));
        before_mail = page.next;
    }
    let expected = [2, 0, 1].map(|n| format!("{n}{}", hostile.replace("''", "'").trim_end()));
    let trimmed = |ids: Vec<String>| ids.into_iter().map(|id| id.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!((trimmed(rows), before), (expected.to_vec(), None));
    assert_eq!((trimmed(mails), before_mail), (expected.to_vec(), None));
    let shown = reports.message(EMAIL_CONSUMER, "1").await.unwrap().unwrap();
    assert_eq!(shown.message.headers["(not a JSON object)"], "[0");
    assert!(shown.payload.is_some() && shown.message.mail.is_some());
}

async fn an_invalid_place_is_an_empty_page(backend: &impl Backend) {
    rows(backend);
    mails(backend);
    let reports = backend.reports();
    for before in ["", "x", "17", "%00", "fHw", "OXw5", "eHx5", &"A".repeat(100_000)] {
        let page = PageRequest { before: Some(before.to_owned()), limit: 10 };
        let rows = reports.messages(&MessageFilter::default(), &page).await.unwrap();
        let mails = reports.mails(EMAIL_CONSUMER, &MailFilter::default(), &page).await.unwrap();
        let groups = reports.groups(&GroupFilter::default(), &page).await.unwrap();
        let actions = reports.audit(&AuditFilter::default(), &page).await.unwrap();
        assert_eq!((rows.items.len(), groups.items.len(), actions.items.len()), (0, 0, 0), "{before:.10}");
        assert_eq!(mails.items.len(), 0, "{before:.10}");
    }
}

async fn a_message_shows_its_life_from_the_commit_to_the_mail(backend: &impl Backend) {
    let at = |n: i64| backend.at_ms(1_700_000_000_000 + n * 1_000);
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, Headers, Subject, OccurredOnUtc, State, ProcessedOnUtc) \
         VALUES ('m', 'E', '{QUEUE}', '{{\"a\":1}}', '{{\"traceparent\":\"x\",\"n\":7}}', 'clients/1', {}, 2, {})",
        at(0),
        at(3)
    ));
    let seq = backend.query("SELECT Seq FROM OutboxMessages").unwrap();
    for (on, outcome) in [(1, "1"), (2, "NULL")] {
        backend.execute(&format!(
            "INSERT INTO OutboxAttempts (Seq, OnUtc, Instance, State, Outcome, Error) \
             VALUES ({seq}, {}, 'i{on}', 0, {outcome}, 'to anna@example.pl')",
            at(on)
        ));
    }
    backend.execute(&format!(
        "INSERT INTO InboxMessages (Consumer, MessageId, State, DueAt, ReceivedOnUtc, Provider, LastError) \
         VALUES ('{EMAIL_CONSUMER}', 'm', 3, {}, {}, 'mail:smtp', '451 wait')",
        at(99),
        at(4)
    ));
    backend.execute(&format!(
        "INSERT INTO InboxAttempts (Consumer, MessageId, OnUtc, Instance, State, Error) \
         VALUES ('{EMAIL_CONSUMER}', 'm', {}, 'i5', 3, '451 wait')",
        at(5)
    ));
    let by = Signature { actor: "anna".to_owned(), reason: "ticket 7".to_owned() };
    backend.reports().record("reveal", "m", &by).await.unwrap();
    let stored = backend.reports().message(EMAIL_CONSUMER, "m").await.unwrap().unwrap();
    let message = stored.message;
    let kinds: Vec<_> = message.timeline.iter().map(|event| event.kind).collect();
    let expected = [
        EventKind::Committed,
        EventKind::Failed,
        EventKind::Released,
        EventKind::Sent,
        EventKind::Delivered,
        EventKind::MailParked,
        EventKind::Action,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(message.timeline[1].text.as_deref(), Some("to <address>"));
    assert_eq!(message.timeline[6].by.as_deref(), Some("anna"));
    assert_eq!((message.rows.len(), message.rows[0].mail), (1, Some(MailState::Parked)));
    assert_eq!(message.mail.unwrap().last_error.as_deref(), Some("451 wait"));
    assert_eq!((message.headers["traceparent"].as_str(), message.headers["n"].as_str()), ("x", "7"));
    assert_eq!(stored.payload.as_deref(), Some(&br#"{"a":1}"#[..]));
    assert_eq!(message.content_type.as_deref(), Some("application/json"));
}

async fn a_message_is_found_by_id_in_any_case_and_by_seq(backend: &impl Backend) {
    let id = "9A4C6B1E-0000-4000-8000-00000000000A";
    backend.execute(&format!("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('{id}', 'E', '1')"));
    let at = backend.at_ms(0);
    backend.execute(&format!(
        "INSERT INTO InboxMessages (Consumer, MessageId, State, ReceivedOnUtc) VALUES ('{EMAIL_CONSUMER}', 'only-mail', 5, {at})"
    ));
    let seq = backend.query("SELECT Seq FROM OutboxMessages").unwrap();
    let lower = id.to_lowercase();
    for text in [id, &lower, &format!(" {{{lower}}} "), &seq] {
        let Some(found) = backend.reports().message(EMAIL_CONSUMER, text).await.unwrap() else { panic!("{text}") };
        assert_eq!(found.message.id, id);
        let filter = MessageFilter { id: Some(text.to_owned()), ..MessageFilter::default() };
        assert_eq!(backend.reports().messages(&filter, &all()).await.unwrap().items.len(), 1, "{text}");
    }
    let mail = backend.reports().message(EMAIL_CONSUMER, "only-mail").await.unwrap().unwrap();
    assert_eq!((mail.message.rows.len(), mail.payload), (0, None));
    assert!(backend.reports().message(EMAIL_CONSUMER, "none").await.unwrap().is_none());
}

async fn an_id_that_is_a_number_is_found_before_a_row_of_that_seq(backend: &impl Backend) {
    let ours = "01a20aad-5406-7624-8468-200154c49ec4";
    let insert = |id: &str| {
        backend.execute(&format!("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('{id}', 'E', '1')"));
    };
    insert(ours);
    insert("plain");
    let find = async |text: &str| {
        let found = backend.reports().message(EMAIL_CONSUMER, text).await.unwrap();
        found.map(|found| found.message.id)
    };
    for text in [ours.to_uppercase(), ours.replace('-', "")] {
        assert_eq!(find(&text).await.as_deref(), Some(ours), "{text}");
    }
    for text in ["PLAIN", "0", "-1", "9223372036854775807", "99999999999999999999"] {
        assert_eq!(find(text).await, None, "{text}");
    }
    let seq = backend.query("SELECT Seq FROM OutboxMessages WHERE Id = 'plain'").unwrap();
    assert_eq!(find(&seq).await.as_deref(), Some("plain"));
    insert(&seq);
    assert_eq!(find(&seq).await, Some(seq));
}

async fn groups_show_what_is_in_them_now(backend: &impl Backend) {
    rows(backend);
    mails(backend);
    for (n, name) in ["f0", "f1", "f2", "f3"].into_iter().enumerate() {
        let at = backend.at_ms(1_700_000_000_000 + i64::try_from(n).unwrap());
        let to = if n == 2 { "mail:smtp" } else { QUEUE };
        backend.execute(&format!(
            "INSERT INTO FailureGroups (Fingerprint, Name, Class, Error, SampleId, FirstSeenUtc, LastSeenUtc) \
             VALUES ('{name}', '{to}', 'refused', 'no', 'm3', {at}, {at})"
        ));
    }
    backend.execute("UPDATE OutboxMessages SET State = 0, Fingerprint = 'f0' WHERE Id IN ('m0', 'm5')");
    let reports = backend.reports();
    let groups = reports.groups(&GroupFilter::default(), &all()).await.unwrap().items;
    let short: Vec<_> = groups.iter().map(|one| (one.fingerprint.as_str(), one.waiting, one.set_aside)).collect();
    // Mails m5, m11, …, m35 are refused; dead rows are m3, m8, …, m38. Nothing is in f2.
    assert_eq!(short, [("f3", 0, 3), ("f1", 0, 7), ("f0", 2, 4)]);
    let page = reports.groups(&GroupFilter::default(), &PageRequest { before: None, limit: 2 }).await.unwrap();
    let rest = reports.groups(&GroupFilter::default(), &PageRequest { before: page.next, limit: 2 }).await.unwrap();
    assert_eq!(([page.items, rest.items].concat(), rest.next), (groups, None));
    let named = GroupFilter { name: Some("mail:smtp".to_owned()) };
    assert_eq!(reports.groups(&named, &all()).await.unwrap().items, []);
}

async fn actions_are_listed_and_found_by_message(backend: &impl Backend) {
    let reports = backend.reports();
    for n in 0..5 {
        let by = Signature { actor: format!("anna{n}"), reason: "ticket 7".to_owned() };
        reports.record("reveal", ["m", "other"][n % 2], &by).await.unwrap();
    }
    let listed = reports.audit(&AuditFilter::default(), &all()).await.unwrap().items;
    let names: Vec<_> = listed.iter().map(|one| one.by.as_str()).collect();
    assert_eq!(names, ["anna4", "anna3", "anna2", "anna1", "anna0"]);
    let entry = &listed[1];
    assert_eq!((entry.action.as_str(), entry.target.as_str(), entry.rows), ("reveal", "other", 0));
    let of = AuditFilter { message_id: Some("m".to_owned()) };
    let (mut found, mut before) = (Vec::new(), None);
    for _ in 0..3 {
        let page = reports.audit(&of, &PageRequest { before, limit: 1 }).await.unwrap();
        found.extend(page.items.into_iter().map(|one| one.by));
        before = page.next;
    }
    assert_eq!((found, before), (vec!["anna4".to_owned(), "anna2".to_owned(), "anna0".to_owned()], None));
}

async fn actions_are_found_by_whatever_names_the_message(backend: &impl Backend) {
    let id = "0190F3A2-0000-7000-8000-00000000000A";
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload) VALUES ('{id}', 'Plain', 'queue:a', '1')"
    ));
    let seq = backend.query("SELECT Seq FROM OutboxMessages").unwrap();
    let reports = backend.reports();
    let by = Signature { actor: "anna".to_owned(), reason: "ticket 7".to_owned() };
    reports.record("reveal", id, &by).await.unwrap();
    let found = async |text: &str| {
        let of = AuditFilter { message_id: Some(text.to_owned()) };
        reports.audit(&of, &all()).await.unwrap().items.len()
    };
    for text in [id, &id.to_lowercase(), &seq] {
        assert_eq!(found(text).await, 1, "{text}");
    }
    assert_eq!((found("other").await, found("0").await), (0, 0));
    backend.execute("DELETE FROM OutboxMessages");
    assert_eq!((found(id).await, found(&id.to_lowercase()).await, found(&seq).await), (1, 1, 0), "it was deleted");
    assert_eq!(reports.message("SendEmail", id).await.unwrap(), None);
}

fn query(minutes: u32) -> OverviewQuery {
    OverviewQuery {
        routed_types: vec!["Created".to_owned()],
        provider: "mail:smtp".to_owned(),
        rate_limit: RateLimit { per_minute: 10, per_hour: 0 },
        minutes,
    }
}

async fn overview(backend: &impl Backend, minutes: u32) -> Overview {
    backend.reports().overview(&query(minutes)).await.unwrap()
}

async fn an_overview_counts_what_waits_and_why(backend: &impl Backend) {
    rows(backend);
    mails(backend);
    for (id, event_type) in [("a", "Created"), ("b", "Unknown"), ("c", "Unknown")] {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('{id}', '{event_type}', '1')"
        ));
    }
    let (past, forever) = (backend.at_ms(1_700_000_000_000), backend.at_ms(253_402_300_799_000));
    backend.execute(&format!(
        "INSERT INTO Destinations (Name, PausedOnUtc, PausedUntilUtc, PausedBy, PausedReason) \
         VALUES ('{QUEUE}', {past}, {forever}, 'anna', 'ticket 7')"
    ));
    backend.execute(&format!(
        "INSERT INTO Destinations (Name, PausedOnUtc, PausedUntilUtc, OpenUntil, OpenedOnUtc, Failures, Reason) \
         VALUES ('{TOPIC}', {past}, {past}, {forever}, {past}, 3, '503 for anna@example.pl')"
    ));
    backend.execute("INSERT INTO Destinations (Name) VALUES ('mail:smtp'), ('mail:smtp queries')");
    for n in 0..3 {
        backend.execute(&format!(
            "INSERT INTO MailAttempts (Token, MessageId, Provider, OnUtc) VALUES ('t{n}', 'm', 'mail:smtp', {forever})"
        ));
    }
    backend.advance_ms(DAY_MS);
    let overview = overview(backend, 60).await;
    let count = |state: i64, to: &str| {
        let sql = format!("SELECT count(*) FROM OutboxMessages WHERE State = {state} AND Destination = '{to}'");
        backend.query(&sql).unwrap().parse::<u64>().unwrap()
    };
    let lines: Vec<_> =
        overview.destinations.iter().map(|one| (one.name.as_str(), one.pending, one.leased, one.dead)).collect();
    let of = |to: &'static str| (to, count(0, to), count(1, to), count(3, to));
    assert_eq!(lines, [("", 1, 0, 0), of(QUEUE), of(TOPIC)]);
    assert!(overview.destinations[0].oldest_claimable_ms.unwrap() >= DAY_MS, "a dispatcher that never comes is seen");
    assert!(overview.destinations[1].oldest_claimable_ms.unwrap() >= DAY_MS, "though it is paused");
    let pause = overview.destinations[1].pause.clone().unwrap();
    assert_eq!((pause.by.as_deref(), pause.reason.as_deref(), pause.until), (Some("anna"), Some("ticket 7"), None));
    let topic = &overview.destinations[2];
    assert_eq!(topic.pause, None, "it has ended by itself");
    let breaker = topic.breaker.clone().unwrap();
    assert_eq!((breaker.failures, breaker.reason.as_deref()), (3, Some("503 for <address>")));
    assert_eq!(breaker.since, DateTime::from_timestamp_millis(1_700_000_000_000));
    let unrouted: Vec<_> = overview.unrouted.iter().map(|one| (one.event_type.as_str(), one.rows)).collect();
    assert_eq!(unrouted, [("Unknown", 2)]);

    let mails = overview.mails;
    let states: Vec<_> = mails.states.iter().map(|one| (one.state, one.rows, one.held)).collect();
    let expected = [
        (MailState::Accepted, 6, 0),
        (MailState::Sending, 6, 0),
        (MailState::Parked, 6, 0),
        (MailState::InDoubt, 6, 3),
        (MailState::Refused, 6, 0),
    ];
    assert_eq!(states, expected, "those refused long ago, without content, wait for nobody");
    assert!(mails.oldest_parked_ms.unwrap() > DAY_MS);
    let room: Vec<_> = mails.room.iter().map(|one| (one.window.as_str(), one.limit, one.left)).collect();
    assert_eq!(room, [("minute", 10, 7)]);
    assert!(overview.schema_version > 0);

    let body = backend.hex("00");
    let now = backend.plus_ms("(SELECT min(OccurredOnUtc) FROM OutboxMessages WHERE Id = 'a')", 0);
    backend.execute(&format!("UPDATE InboxMessages SET Body = {body}, FinishedOnUtc = {now} WHERE MessageId = 'm5'"));
    let refused = self::overview(backend, 60).await.mails.states[4].clone();
    assert_eq!((refused.rows, refused.held), (6, 1));
}

async fn a_row_behind_another_of_its_key_does_not_count_as_lag(backend: &impl Backend) {
    let insert = |id: &str, key: &str| {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload) \
             VALUES ('{id}', 'E', '{QUEUE}', '{key}', '1')"
        ));
    };
    insert("head", "k");
    insert("follower", "k");
    let later = backend.plus_ms("DueAt", 10 * HOUR_MS);
    backend.execute(&format!("UPDATE OutboxMessages SET DueAt = {later} WHERE Id = 'head'"));
    backend.advance_ms(HOUR_MS);
    let lag = async || overview(backend, 60).await.destinations[0].oldest_claimable_ms;
    assert_eq!(lag().await, None, "the head is not due, so nothing could be claimed");
    insert("free", "other");
    backend.advance_ms(HOUR_MS);
    let lag = lag().await.unwrap();
    assert!((HOUR_MS..2 * HOUR_MS + HOUR_MS / 2).contains(&lag), "{lag}");
}

async fn an_overview_shows_minutes_and_heartbeats(backend: &impl Backend) {
    backend.execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('now', 'E', '1')");
    let now = "(SELECT OccurredOnUtc FROM OutboxMessages WHERE Id = 'now')";
    for (minutes_ago, name, bucket, instance, count) in [
        (5, QUEUE, 12, "a", 3),
        (5, QUEUE, 12, "b", 4),
        (5, QUEUE, -1, "a", 2),
        (5, "mail:smtp", -2, "a", 1),
        (90, QUEUE, 0, "a", 9),
    ] {
        let minute = backend.plus_ms(now, -minutes_ago * 60_000);
        backend.execute(&format!(
            "INSERT INTO MinuteCounts (MinuteUtc, Name, Bucket, Instance, Count) \
             VALUES ({minute}, '{name}', {bucket}, '{instance}', {count})"
        ));
    }
    let shown = async |minutes| {
        let minutes = overview(backend, minutes).await.minutes;
        minutes.into_iter().map(|one| (one.name, one.done, one.failed, one.given_up, one.p50_ms)).collect::<Vec<_>>()
    };
    let recent = [("mail:smtp".to_owned(), 0, 0, 1, None), (QUEUE.to_owned(), 7, 2, 0, Some(8))];
    assert_eq!(shown(60).await, recent);
    assert_eq!(shown(1_440).await.len(), 3);
    assert_eq!(shown(1_440).await[0], (QUEUE.to_owned(), 9, 0, 0, Some(1)));

    for (function, instance, last_ms, next_ms) in [
        ("DispatchOutbox", "a", -5_000, 60_000),
        ("DispatchOutbox", "b", -3_600_000, -3_000_000),
        ("DispatchOutbox", "old", -2 * DAY_MS, -2 * DAY_MS + 1),
        ("PruneOutbox", "a", -3 * DAY_MS, -2 * DAY_MS),
    ] {
        let (last, next) = (backend.plus_ms(now, last_ms), backend.plus_ms(now, next_ms));
        backend.execute(&format!(
            "INSERT INTO Heartbeats ({}, Instance, LastRunOnUtc, NextByUtc) VALUES ('{function}', '{instance}', {last}, {next})",
            "[Function]"
        ));
    }
    let beats = overview(backend, 1).await.heartbeats;
    let short: Vec<_> = beats.iter().map(|one| (one.function.as_str(), one.instance.as_str(), one.late)).collect();
    let expected = [("DispatchOutbox", "a", false), ("DispatchOutbox", "b", false), ("PruneOutbox", "a", true)];
    assert_eq!(short, expected, "one that runs in time suffices, and the last run of a function is always shown");
    assert!((5_000..60_000).contains(&beats[0].age_ms));
}

async fn a_rare_type_in_a_long_history_is_found_in_short_steps(backend: &impl Backend) {
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let row = |id: &str, event_type: &str, ms: i64| {
        let at = backend.at_ms(1_700_000_000_000 + ms);
        format!("{id}, '{event_type}', '1', {at}, 2, {at}")
    };
    let columns = "INSERT INTO OutboxMessages (Id, EventType, Payload, OccurredOnUtc, State, ProcessedOnUtc)";
    backend.execute(&format!("{columns} VALUES ({})", row("'rare'", "Rare", 0)));
    let many = row("CONCAT('m', a.d, b.d, c.d, e.d, f.d)", "Common", 1);
    let from = ["a", "b", "c", "e"].map(|name| format!("{digits} {name}")).join(" CROSS JOIN ");
    let thrice = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2) f";
    assert_eq!(backend.execute(&format!("{columns} SELECT {many} FROM {from} CROSS JOIN {thrice}")), 30_000);
    let rare = MessageFilter { event_type: Some("Rare".to_owned()), ..MessageFilter::default() };
    let first = backend.reports().messages(&rare, &all()).await.unwrap();
    assert_eq!(first.items, [], "25,000 entries are as many as one request judges");
    assert!(first.next.is_some());
    let page = PageRequest { before: first.next, limit: 200 };
    let second = backend.reports().messages(&rare, &page).await.unwrap();
    assert_eq!((second.items.len(), second.items[0].id.as_str(), second.next), (1, "rare", None));
}

fn context(backend: &impl Backend) -> OperateContext {
    let stores = backend.stores();
    let none = || "not in this test".to_owned();
    OperateContext {
        reports: stores.reports,
        overviews: Overviews::default(),
        remedies: stores.remedies,
        entities: Err(none()),
        dead_letters: Err(none()),
        routes: Arc::new(Routes(BTreeMap::new())),
        recipients: Ok(RecipientKey::new("secret")),
        duplicate_window_ms: 0,
        mail_queue: None,
        tombstone_days: 400,
        taking_in: tokio::sync::Mutex::default(),
        provider: "mail:smtp".to_owned(),
        rate_limit: RateLimit::default(),
        clock: Arc::new(SystemClock),
    }
}

async fn a_payload_is_masked_unless_a_person_asks_which_is_recorded(backend: &impl Backend) {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let hostile = format!("<script>\u{1b}[2J\u{202e}🦀{}", "ż".repeat(200_000));
    let event = serde_json::json!({"id": "m", "data": {"recipient": "anna@example.pl", "text": hostile}}).to_string();
    for (id, payload) in [("m", event.as_str()), ("text", "for anna@example.pl")] {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, Headers) \
             VALUES ('{id}', 'E', '{QUEUE}', '{payload}', '{{\"traceparent\":\"{parent}\"}}')"
        ));
    }
    let context = context(backend);
    let masked = operate::message(&context, "m", None).await.unwrap().unwrap();
    let body = masked.payload.unwrap();
    assert!(body.masked && body.bytes > 400_000, "{}", body.bytes);
    for part in ["anna", "script", "ż", "\u{1b}"] {
        assert!(!body.text.contains(part), "{part}");
    }
    assert!(body.text.contains("\"recipient\""), "the structure stays: {}", body.text);
    assert_eq!(masked.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(masked.summary, "waits for queue:client-emails");
    let text = operate::message(&context, "text", None).await.unwrap().unwrap().payload.unwrap();
    assert_eq!((text.text.as_str(), text.bytes), ("", 19));
    assert_eq!(backend.query("SELECT count(*) FROM OperatorActions").as_deref(), Some("0"));

    let by = Signature { actor: "jan".to_owned(), reason: "ticket 7".to_owned() };
    let revealed = operate::message(&context, "m", Some(&by)).await.unwrap().unwrap().payload.unwrap();
    assert!(!revealed.masked && revealed.text.contains("anna@example.pl"));
    let filter = AuditFilter { message_id: Some("m".to_owned()) };
    let entry = operate::audit(&context, &filter, &all()).await.unwrap().items.remove(0);
    assert_eq!((entry.action.as_str(), entry.by.as_str(), entry.reason.as_str()), ("reveal", "jan", "ticket 7"));
    assert!(operate::message(&context, "none", Some(&by)).await.unwrap().is_none());
    assert_eq!(backend.query("SELECT count(*) FROM OperatorActions").as_deref(), Some("1"), "nothing was shown");
}

async fn an_overview_names_what_needs_a_person(backend: &impl Backend) {
    let context = context(backend);
    assert_eq!(operate::overview(&context, 60).await.unwrap().attention, []);
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, State) VALUES ('m', 'E', '{QUEUE}', '1', 3)"
    ));
    backend.execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('u', 'Odd', '1')");
    let kinds = async || {
        let found = operate::overview(&context, 60).await.unwrap().attention;
        found.into_iter().map(|one| (one.kind, one.about)).collect::<Vec<_>>()
    };
    let pair = |kind: &str, about: &str| (kind.to_owned(), about.to_owned());
    assert_eq!(kinds().await, [pair("dead-rows", QUEUE), pair("unrouted", "Odd")]);
}
