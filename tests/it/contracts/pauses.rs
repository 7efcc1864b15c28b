//! Pauses of destinations and mail providers, and the stored answers of operators' writes.

use crate::support::backend::Backend;
use client_organizer::domain::{
    ids::LeaseToken,
    operations::{PauseAction, PauseReport, PauseRequest, Signature},
    outbox::{BreakerChange, Claim, ClaimMode},
    route::Destination,
};

contract!(
    a_pause_has_an_author_a_reason_and_an_end,
    a_drain_counts_what_is_being_sent_and_leaves_a_pause_as_it_is,
    all_destinations_of_the_bus_are_paused_and_resumed_together,
    resuming_closes_the_breaker,
    the_mail_provider_is_paused_and_its_mails_in_sending_are_counted,
    a_destination_that_only_rows_name_is_paused_and_resumed,
    destinations_whose_names_differ_by_case_are_paused_each,
    an_answer_is_stored_one_time_and_expires,
);

const QUEUE: &str = "queue:client-emails";
const TOPIC: &str = "topic:finance";
const PROVIDER: &str = "mail:folder";
const HOUR_MS: i64 = 3_600_000;

fn by(actor: &str) -> Signature {
    Signature { actor: actor.to_owned(), reason: format!("{actor}'s ticket") }
}

fn request(action: PauseAction, name: &str) -> PauseRequest {
    PauseRequest { action, name: Some(name.to_owned()), for_ms: None }
}

async fn change(backend: &impl Backend, request: &PauseRequest, actor: &str) -> Option<PauseReport> {
    backend.remedies().change_pause(request, &by(actor)).await.unwrap()
}

async fn known(backend: &impl Backend) {
    let names = [QUEUE, TOPIC, PROVIDER, "mail:folder queries"].map(str::to_owned);
    backend.outbox().ensure_destinations(&names).await.unwrap();
}

fn of(backend: &impl Backend, name: &str, column: &str) -> Option<String> {
    backend.query(&format!("SELECT {column} FROM Destinations WHERE Name = '{name}'"))
}

fn audit(backend: &impl Backend) -> Vec<(String, String, String)> {
    let count: i64 = backend.query("SELECT count(*) FROM OperatorActions").unwrap().parse().unwrap();
    (1..=count)
        .map(|id| {
            let of =
                |name: &str| backend.query(&format!("SELECT {name} FROM OperatorActions WHERE Id = {id}")).unwrap();
            (of("Actor"), of("Action"), format!("{} x{}", of("Target"), of("Rows")))
        })
        .collect()
}

async fn claimed(backend: &impl Backend) -> usize {
    let mode = ClaimMode::Batch { rows_max: 100, bytes_max: 1_000_000 };
    let (destination, token) = (Destination::parse(QUEUE).unwrap(), LeaseToken::fresh());
    let claim = Claim { destination, mode, token, lease_ms: HOUR_MS, claims_max: 3 };
    backend.outbox().claim(&claim).await.unwrap().rows.len()
}

fn insert(backend: &impl Backend, id: &str) {
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload) VALUES ('{id}', 'Plain', '{QUEUE}', '1')"
    ));
}

async fn a_pause_has_an_author_a_reason_and_an_end(backend: &impl Backend) {
    known(backend).await;
    insert(backend, "m");
    for name in ["queue:unknown", "mail:folder queries", "", "all"] {
        assert_eq!(change(backend, &request(PauseAction::Pause, name), "anna").await, None, "{name}");
    }
    let pause = request(PauseAction::Pause, QUEUE);
    let report = change(backend, &pause, "anna").await.unwrap();
    assert_eq!(report, PauseReport { names: vec![QUEUE.to_owned()], changed: 1, leased: 0 });
    assert_eq!(of(backend, QUEUE, "PausedBy").as_deref(), Some("anna"));
    assert_eq!(of(backend, QUEUE, "PausedReason").as_deref(), Some("anna's ticket"));
    let since = of(backend, QUEUE, "PausedOnUtc");
    assert_eq!(claimed(backend).await, 0);
    backend.advance_ms(HOUR_MS);
    assert_eq!(change(backend, &pause, "ben").await.unwrap().changed, 0, "it is paused so already");
    assert_eq!(of(backend, QUEUE, "PausedBy").as_deref(), Some("anna"));
    let hour = PauseRequest { for_ms: Some(HOUR_MS), ..pause };
    assert_eq!(change(backend, &hour, "ben").await.unwrap().changed, 1, "until another time");
    assert_eq!((of(backend, QUEUE, "PausedOnUtc"), of(backend, QUEUE, "PausedBy")), (since, Some("ben".to_owned())));
    assert_eq!(change(backend, &request(PauseAction::Resume, QUEUE), "anna").await.unwrap().changed, 1);
    assert_eq!(of(backend, QUEUE, "PausedBy"), None);
    assert_eq!(claimed(backend).await, 1);
    assert_eq!(change(backend, &request(PauseAction::Resume, QUEUE), "anna").await.unwrap().changed, 0);
    let entry =
        |actor: &str, action: &str, target: &str| (actor.to_owned(), action.to_owned(), format!("{QUEUE}{target} x1"));
    let expected = [entry("anna", "pause", ""), entry("ben", "pause", " for 3600 s"), entry("anna", "resume", "")];
    assert_eq!(audit(backend), expected);
}

async fn a_drain_counts_what_is_being_sent_and_leaves_a_pause_as_it_is(backend: &impl Backend) {
    known(backend).await;
    insert(backend, "a");
    insert(backend, "b");
    assert_eq!(claimed(backend).await, 2);
    insert(backend, "c");
    let drain = PauseRequest { for_ms: Some(2 * HOUR_MS), ..request(PauseAction::Drain, QUEUE) };
    let report = change(backend, &drain, "anna").await.unwrap();
    assert_eq!((report.changed, report.leased), (1, 2));
    assert_eq!(claimed(backend).await, 0);
    let again = change(backend, &request(PauseAction::Drain, QUEUE), "ben").await.unwrap();
    assert_eq!((again.changed, again.leased), (0, 2));
    assert_eq!(of(backend, QUEUE, "PausedBy").as_deref(), Some("anna"));
    backend.advance_ms(HOUR_MS);
    let over = change(backend, &request(PauseAction::Drain, QUEUE), "ben").await.unwrap();
    assert_eq!(over.leased, 0, "an expired lease sends nothing");
}

async fn all_destinations_of_the_bus_are_paused_and_resumed_together(backend: &impl Backend) {
    known(backend).await;
    let all = |action| PauseRequest { action, name: None, for_ms: None };
    change(backend, &request(PauseAction::Pause, TOPIC), "ben").await.unwrap();
    let report = change(backend, &all(PauseAction::Pause), "anna").await.unwrap();
    assert_eq!((report.names, report.changed), (vec![QUEUE.to_owned(), TOPIC.to_owned()], 1));
    assert_eq!(of(backend, PROVIDER, "PausedOnUtc"), None, "mails are another matter");
    assert_eq!(change(backend, &all(PauseAction::Resume), "anna").await.unwrap().changed, 2);
    let entry = |actor: &str, action: &str, target: &str| (actor.to_owned(), action.to_owned(), target.to_owned());
    let expected = [
        entry("ben", "pause", "topic:finance x1"),
        entry("anna", "pause", "all destinations x1"),
        entry("anna", "resume", "all destinations x2"),
    ];
    assert_eq!(audit(backend), expected);
}

async fn resuming_closes_the_breaker(backend: &impl Backend) {
    known(backend).await;
    let open = BreakerChange::Open { for_ms: HOUR_MS, reason: "503".to_owned() };
    backend.breakers().change(QUEUE, LeaseToken::fresh(), &open).await.unwrap();
    assert!(of(backend, QUEUE, "OpenUntil").is_some());
    assert_eq!(change(backend, &request(PauseAction::Resume, QUEUE), "anna").await.unwrap().changed, 1);
    assert_eq!((of(backend, QUEUE, "OpenUntil"), of(backend, QUEUE, "Failures").as_deref()), (None, Some("0")));
}

async fn the_mail_provider_is_paused_and_its_mails_in_sending_are_counted(backend: &impl Backend) {
    known(backend).await;
    let (now, later) = (backend.at_ms(1_700_000_000_000), backend.at_ms(4_000_000_000_000));
    for (id, until) in [("sending", &later), ("expired", &now)] {
        backend.execute(&format!(
            "INSERT INTO InboxMessages (Consumer, MessageId, State, LeaseToken, DueAt, ReceivedOnUtc) \
             VALUES ('SendEmail', '{id}', 1, '00000000-0000-0000-0000-000000000001', {until}, {now})"
        ));
    }
    let report = change(backend, &request(PauseAction::Drain, PROVIDER), "anna").await.unwrap();
    assert_eq!((report.changed, report.leased), (1, 1));
    assert_eq!(change(backend, &request(PauseAction::Drain, QUEUE), "anna").await.unwrap().leased, 0);
}

async fn a_destination_that_only_rows_name_is_paused_and_resumed(backend: &impl Backend) {
    insert(backend, "a");
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, State, LastOutcome) \
         VALUES ('dead', 'Plain', '{TOPIC}', '1', 3, 2), ('unrouted', 'Plain', '', '1', 0, NULL)"
    ));
    assert_eq!(backend.remedies().destinations().await.unwrap(), [QUEUE, TOPIC]);
    assert_eq!(change(backend, &request(PauseAction::Resume, QUEUE), "anna").await.unwrap().changed, 0);
    assert_eq!(change(backend, &request(PauseAction::Pause, QUEUE), "anna").await.unwrap().changed, 1);
    assert_eq!(of(backend, QUEUE, "PausedBy").as_deref(), Some("anna"));
    assert_eq!(claimed(backend).await, 0);
    let all = PauseRequest { action: PauseAction::Drain, name: None, for_ms: None };
    assert_eq!(change(backend, &all, "anna").await.unwrap().names, [QUEUE, TOPIC]);
    assert_eq!(change(backend, &request(PauseAction::Resume, QUEUE), "anna").await.unwrap().changed, 1);
    assert_eq!(claimed(backend).await, 1);
}

async fn destinations_whose_names_differ_by_case_are_paused_each(backend: &impl Backend) {
    let names = [QUEUE.to_uppercase().replace("QUEUE", "queue"), QUEUE.to_owned()];
    for name in &names {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload) VALUES ('{name}', 'Plain', '{name}', '1')"
        ));
    }
    let all = PauseRequest { action: PauseAction::Pause, name: None, for_ms: None };
    assert_eq!(change(backend, &all, "anna").await.unwrap().changed, 2);
    for name in &names {
        assert_eq!(of(backend, name, "PausedBy").as_deref(), Some("anna"), "{name}");
    }
}

async fn an_answer_is_stored_one_time_and_expires(backend: &impl Backend) {
    let remedies = backend.remedies();
    let key = "k".repeat(255);
    assert_eq!(remedies.answer_of(&key).await.unwrap(), None);
    remedies.store_answer(&key, "f1", "zażółć {\"a\":1}").await.unwrap();
    remedies.store_answer(&key, "f2", "other").await.unwrap();
    let first = Some(("f1".to_owned(), "zażółć {\"a\":1}".to_owned()));
    assert_eq!(remedies.answer_of(&key).await.unwrap(), first);
    assert_eq!(remedies.answer_of("k").await.unwrap(), None);
    backend.advance_ms(24 * HOUR_MS);
    assert_eq!(remedies.answer_of(&key).await.unwrap(), None);
    remedies.store_answer(&key, "f2", "other").await.unwrap();
    assert_eq!(remedies.answer_of(&key).await.unwrap(), Some(("f2".to_owned(), "other".to_owned())));
}
