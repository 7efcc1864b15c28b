//! Remedies: what a dry run shows, its run takes, and nothing else.

mod again;
mod life;
mod mails;
mod selections;

use crate::support::{backend::Backend, operator::by};
use client_organizer::{
    domain::{
        duplicates::DuplicateWindows,
        operations::{Action, MessageFilter, Plan, RemedyReport, RemedyRequest, RemedyRow, Selection},
    },
    ports::operations::{Ran, RemedyRules},
};
use uuid::Uuid;

contract!(
    a_dry_run_changes_nothing_and_its_run_takes_what_it_showed,
    a_run_is_repeated_safely_and_two_at_once_apply_it_once,
    rows_that_changed_since_the_dry_run_are_left_and_reported,
    what_did_not_fit_is_shown_first_and_never_taken,
    a_dry_run_expires,
    ten_thousand_rows_are_planned_and_run_at_once,
    the_audit_adds_up,
);

const QUEUE: &str = "queue:client-emails";
const TOPIC: &str = "topic:finance";
const CONSUMER: &str = "SendEmail";
const HOUR_MS: i64 = 3_600_000;
const REQUEUE: Action = Action::Requeue { out_of_order: false };
const REPLAY: Action = Action::Replay { out_of_order: false, force: false };
const COPY: Action = Action::Replay { out_of_order: false, force: true };

fn rules() -> RemedyRules {
    RemedyRules { windows: DuplicateWindows::by_setting(0), mail_queue: Some(QUEUE.to_owned()) }
}

fn ids(ids: &[&str]) -> Selection {
    Selection::Ids(ids.iter().map(|&id| id.to_owned()).collect())
}

fn request(action: Action, selection: Selection) -> RemedyRequest {
    RemedyRequest { action, selection, destination: None, limit: 1_000 }
}

async fn planned(backend: &impl Backend, request: &RemedyRequest) -> Plan {
    backend.remedies().plan(request, &rules(), &Uuid::new_v4().to_string()).await.unwrap()
}

async fn plan(backend: &impl Backend, action: Action, selection: Selection) -> Plan {
    planned(backend, &request(action, selection)).await
}

async fn run(backend: &impl Backend, plan: &Plan) -> RemedyReport {
    match backend.remedies().run(&plan.token, &rules(), &by()).await.unwrap() {
        Ran::Now(report) => report,
        other => panic!("{other:?}"),
    }
}

/// Plans and runs; the ids that were done.
async fn done(backend: &impl Backend, action: Action, selection: Selection) -> Vec<String> {
    let report = run(backend, &plan(backend, action, selection).await).await;
    done_of(&report)
}

fn done_of(report: &RemedyReport) -> Vec<String> {
    report.rows.iter().filter(|row| row.done).map(|row| row.id.clone()).collect()
}

/// Why the remedy does not fit the one row.
async fn why_not(backend: &impl Backend, action: Action, id: &str) -> String {
    let plan = plan(backend, action, ids(&[id])).await;
    assert_eq!((plan.count, plan.refused), (0, 1), "{plan:?}");
    plan.sample[0].why_not.clone().unwrap()
}

fn insert(backend: &impl Backend, id: &str, key: &str, destination: &str, state: &str) {
    let key = if key.is_empty() { "NULL".to_owned() } else { format!("'{key}'") };
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload, Subject) \
         VALUES ('{id}', 'Plain', '{destination}', {key}, '{{\"vat\":12.30}}', 'clients/7')"
    ));
    set(backend, id, state);
}

/// Puts the rows of a message into a state, as time and others would.
fn set(backend: &impl Backend, id: &str, state: &str) {
    let columns = match state {
        "pending" => return,
        "leased" => "State = 1, LeaseToken = '00000000-0000-0000-0000-000000000001'",
        "sent" => "State = 2, ProcessedOnUtc = DueAt, LastOutcome = 0, LastAttemptOnUtc = DueAt",
        "dead" => {
            "State = 3, ProcessedOnUtc = NULL, RetryCount = RetryCount + 1, LastOutcome = 2, LastError = 'no', \
             LastAttemptOnUtc = DueAt"
        }
        "discarded" => "State = 4, ProcessedOnUtc = DueAt",
        other => panic!("{other}"),
    };
    assert!(backend.execute(&format!("UPDATE OutboxMessages SET {columns} WHERE Id = '{id}'")) > 0);
}

fn state(backend: &impl Backend, id: &str) -> String {
    let code = backend.query(&format!("SELECT State FROM OutboxMessages WHERE Id = '{id}'")).unwrap();
    ["pending", "leased", "sent", "dead", "discarded"][code.parse::<usize>().unwrap()].to_owned()
}

fn number(backend: &impl Backend, sql: &str) -> i64 {
    backend.query(sql).unwrap().parse().unwrap()
}

/// Who, what, to what, why and how many, of every entry of the audit.
fn audit(backend: &impl Backend) -> Vec<(String, String, i64)> {
    (1..=number(backend, "SELECT count(*) FROM OperatorActions"))
        .map(|id| {
            let of =
                |name: &str| backend.query(&format!("SELECT {name} FROM OperatorActions WHERE Id = {id}")).unwrap();
            assert_eq!((of("Actor"), of("Reason")), ("anna".to_owned(), "ticket 7".to_owned()));
            (of("Action"), of("Target"), of("Rows").parse().unwrap())
        })
        .collect()
}

#[track_caller]
fn assert_left(report: &RemedyReport, id: &str, parts: &[&str]) {
    let row: &RemedyRow = report.rows.iter().find(|row| row.id == id).unwrap();
    let why = row.why_not.as_deref().unwrap_or("it was done");
    assert!(!row.done && parts.iter().all(|part| why.contains(part)), "{parts:?} in: {why}");
}

async fn a_dry_run_changes_nothing_and_its_run_takes_what_it_showed(backend: &impl Backend) {
    for id in ["a", "b", "c"] {
        insert(backend, id, id, QUEUE, "dead");
    }
    let filter = MessageFilter { destination: Some(QUEUE.to_owned()), ..MessageFilter::default() };
    let plan = plan(backend, REQUEUE, Selection::Messages(filter)).await;
    assert_eq!((plan.count, plan.refused, plan.more, plan.sample.len()), (3, 0, false, 3));
    assert_eq!((plan.sample[0].id.as_str(), plan.sample[0].state.as_str()), ("a", "dead"));
    assert_eq!(["a", "b", "c"].map(|id| state(backend, id)), ["dead", "dead", "dead"]);
    assert_eq!(audit(backend), []);
    insert(backend, "late", "late", QUEUE, "dead");
    let report = run(backend, &plan).await;
    assert_eq!((report.done, report.left), (3, 0));
    assert_eq!(["a", "b", "c", "late"].map(|id| state(backend, id)), ["pending", "pending", "pending", "dead"]);
    assert_eq!(number(backend, "SELECT sum(RetryCount + Claims) FROM OutboxMessages WHERE State = 0"), 0);
}

async fn a_run_is_repeated_safely_and_two_at_once_apply_it_once(backend: &impl Backend) {
    insert(backend, "a", "a", QUEUE, "dead");
    let plan = plan(backend, REQUEUE, ids(&["a"])).await;
    let (one, other) = (backend.remedies(), backend.others().remedies);
    let (rules, by) = (rules(), by());
    let ran = tokio::join!(one.run(&plan.token, &rules, &by), other.run(&plan.token, &rules, &by));
    let (one, other) = (ran.0.unwrap(), ran.1.unwrap());
    let (first, second) = if matches!(one, Ran::Now(_)) { (one, other) } else { (other, one) };
    let (Ran::Now(first), Ran::Before(second)) = (first, second) else { panic!("one applies") };
    assert_eq!((first.done, &second), (1, &first));
    set(backend, "a", "dead");
    assert_eq!(backend.remedies().run(&plan.token, &rules, &by).await.unwrap(), Ran::Before(first));
    assert_eq!(state(backend, "a"), "dead", "a token runs one time");
    assert_eq!(audit(backend).len(), 1);
}

async fn rows_that_changed_since_the_dry_run_are_left_and_reported(backend: &impl Backend) {
    for id in ["stays", "sent", "again", "gone"] {
        insert(backend, id, id, QUEUE, "dead");
    }
    let plan = plan(backend, REQUEUE, ids(&["stays", "sent", "again", "gone"])).await;
    assert_eq!(plan.count, 4);
    set(backend, "sent", "sent");
    set(backend, "again", "dead");
    backend.execute("DELETE FROM OutboxMessages WHERE Id = 'gone'");
    let report = run(backend, &plan).await;
    assert_eq!((report.done, report.left), (1, 3));
    assert_left(&report, "sent", &["changed since the dry run", "sent"]);
    assert_left(&report, "again", &["changed since the dry run", "dead"]);
    assert!(report.rows.iter().any(|row| row.why_not.as_deref().is_some_and(|why| why.contains("deleted"))));
    assert_eq!(["stays", "sent", "again"].map(|id| state(backend, id)), ["pending", "sent", "dead"]);
    assert_eq!(audit(backend), [("requeue".to_owned(), format!("stays to {QUEUE}"), 1)]);
}

async fn what_did_not_fit_is_shown_first_and_never_taken(backend: &impl Backend) {
    insert(backend, "dead", "k1", QUEUE, "dead");
    insert(backend, "sent", "k2", QUEUE, "sent");
    let plan = plan(backend, REQUEUE, ids(&["dead", "sent", "nothing"])).await;
    assert_eq!((plan.count, plan.refused), (1, 2));
    let shown: Vec<_> = plan.sample.iter().map(|row| (row.id.as_str(), row.why_not.is_none())).collect();
    assert_eq!(shown, [("sent", false), ("nothing", false), ("dead", true)]);
    set(backend, "sent", "dead");
    let report = run(backend, &plan).await;
    assert_eq!((report.done, report.left), (1, 2));
    assert_left(&report, "sent", &["make the dry run again"]);
    assert_left(&report, "nothing", &["no message of this id"]);
    assert_eq!(state(backend, "sent"), "dead");
}

async fn a_dry_run_expires(backend: &impl Backend) {
    insert(backend, "a", "a", QUEUE, "dead");
    let plan = plan(backend, REQUEUE, ids(&["a"])).await;
    let remedies = backend.remedies();
    assert_eq!(remedies.planned(&plan.token).await.unwrap(), Some((request(REQUEUE, ids(&["a"])), None)));
    backend.advance_ms(HOUR_MS);
    assert_eq!(remedies.planned(&plan.token).await.unwrap(), None);
    for token in [plan.token.as_str(), "", "no such token"] {
        assert_eq!(remedies.run(token, &rules(), &by()).await.unwrap(), Ran::Unknown);
    }
    assert_eq!((state(backend, "a"), audit(backend)), ("dead".to_owned(), vec![]));
}

async fn ten_thousand_rows_are_planned_and_run_at_once(backend: &impl Backend) {
    for block in 0..11 {
        let values: Vec<String> = (block * 1_000..(block + 1) * 1_000)
            .map(|n| format!("('m{n:05}', 'Plain', '{QUEUE}', 'k{}', '1', 3, 2)", n % 7))
            .collect();
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload, State, LastOutcome) VALUES {}",
            values.join(",")
        ));
    }
    let group = MessageFilter { destination: Some(QUEUE.to_owned()), ..MessageFilter::default() };
    let all = RemedyRequest { limit: 10_000, ..request(REQUEUE, Selection::Messages(group)) };
    let plan = planned(backend, &all).await;
    assert_eq!((plan.count, plan.refused, plan.more, plan.sample.len()), (10_000, 0, true, 50));
    assert_eq!(plan.sample[0].id, "m00000", "oldest first, in the order of their keys");
    let report = run(backend, &plan).await;
    assert_eq!((report.done, report.left, report.rows.len()), (10_000, 0, 1_000));
    assert_eq!(number(backend, "SELECT count(*) FROM OutboxMessages WHERE State = 0"), 10_000);
    assert_eq!(number(backend, "SELECT Rows FROM OperatorActions"), 10_000);
    assert_eq!(number(backend, "SELECT count(*) FROM OperatorActionMessages"), 10_000);
}

async fn the_audit_adds_up(backend: &impl Backend) {
    for (id, state) in [("a", "dead"), ("b", "dead"), ("c", "sent"), ("d", "pending"), ("e", "dead")] {
        insert(backend, id, id, QUEUE, state);
    }
    insert(backend, "a", "a", TOPIC, "pending");
    set(backend, "a", "dead");
    assert_eq!(done(backend, REQUEUE, ids(&["a", "b", "c"])).await, ["a", "b", "a"]);
    assert_eq!(done(backend, REPLAY, ids(&["c"])).await, ["c"]);
    assert_eq!(done(backend, Action::Discard, ids(&["d"])).await, ["d"]);
    let route = Action::Route { to: "queue:other".to_owned(), out_of_order: false };
    assert_eq!(done(backend, route, ids(&["e"])).await, ["e"]);
    assert_eq!(done(backend, REQUEUE, ids(&["a", "c"])).await, [""; 0]);
    let expected = [
        ("requeue", "3 id(s)".to_owned(), 3),
        ("replay", format!("c to {QUEUE}"), 1),
        ("discard", format!("d to {QUEUE}"), 1),
        ("route", format!("e from {QUEUE} to queue:other"), 1),
    ];
    assert_eq!(audit(backend), expected.map(|(action, target, rows)| (action.to_owned(), target, rows)));
    for (entry, messages) in [(1, 2), (2, 1), (3, 1), (4, 1)] {
        let named = format!("SELECT count(*) FROM OperatorActionMessages WHERE ActionId = {entry}");
        assert_eq!(number(backend, &named), messages, "{entry}");
    }
}
