//! A reminder of a booked month: enqueued over HTTP, published after the figures and mailed; the books do not change.

use crate::support::{
    backend::Backend,
    edge::{Edge, figures, problem},
    http_client::Answer,
    queue_message,
    world::EMAILS,
};
use client_organizer::adapters::mail::{Language, Sender, TemplateLetters};
use client_organizer::{domain::events, ports::mailer::Letters};
use serde_json::{Value, json};

const APRIL_20: &str = r#"{"dueDate":"2026-04-20"}"#;

/// Books a month; returns its path and the answer to the booking.
async fn booked(edge: &Edge) -> (String, Answer) {
    let list = format!("/api/clients/{}/finance", edge.client(1).await);
    let created = edge.write("POST", &list, &[], &figures(3)).await;
    assert_eq!(created.status, 201);
    (format!("{list}/2026/3"), created)
}

fn message(answer: &Answer) -> String {
    answer.header("outbox-message-id").unwrap().to_owned()
}

#[tokio::test]
async fn a_reminder_is_published_after_the_figures_it_shows_and_mailed() {
    let edge = Edge::new().await;
    let (record, created) = booked(&edge).await;
    let reminded = edge.write("POST", &format!("{record}/reminders"), &[], APRIL_20).await;
    assert_eq!((reminded.status.as_u16(), reminded.json()), (202, created.json()));
    assert_eq!(reminded.header("etag"), created.header("etag"));
    assert_eq!(edge.get(&record).await.json(), created.json(), "the books do not change");

    let keys = edge.backend.query("SELECT COUNT(DISTINCT OrderingKey) FROM OutboxMessages");
    assert_eq!(keys.as_deref(), Some("1"), "one key, so that no reminder overtakes the figures");
    let timer = json!({"Data": {}, "Metadata": {}}).to_string();
    assert_eq!(edge.invoke("DispatchOutbox", timer.as_bytes()).await.status, 200);
    let id = message(&reminded);
    assert_eq!(edge.bus.accepted(EMAILS), [message(&created), id.clone()]);

    let text = edge.backend.query(&format!("SELECT Payload FROM OutboxMessages WHERE Id = '{id}'")).unwrap();
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&event["type"], &event["id"]), (&json!("PaymentReminder"), &json!(id)));
    let client = created.json()["clientId"].clone();
    assert_eq!(event["subject"], format!("clients/{client}/finance/2026/3"));
    assert_eq!(
        event["data"],
        json!({
            "clientId": client, "clientName": "Klient 1", "recipient": "klient1@example.pl", "year": 2026, "month": 3,
            "figures": {"incomeTax": 1234.5, "vat": 100.0, "insuranceAmount": 0.0}, "dueDate": "2026-04-20", "version": 1,
        })
    );
    for _ in 0..2 {
        assert_eq!(edge.invoke("SendEmail", queue_message::envelope(&id, &text).as_bytes()).await.status, 200);
    }
    assert_eq!(edge.mailer.sent(), [id], "a repeated delivery is no second mail");

    let office = Sender::parse("Biuro <biuro@office.example.pl>").unwrap();
    let letters = TemplateLetters::new(Language::Pl, &office).unwrap();
    let letter = letters.write(&events::read(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(letter.subject, "Przypomnienie: podatki i składki za marzec 2026, termin 20\u{a0}kwietnia 2026");
    assert!(letter.text.contains("VAT:               100,00\u{a0}zł"), "{}", letter.text);
}

#[tokio::test]
async fn a_reminder_shows_the_figures_as_they_are_booked_when_it_is_enqueued() {
    let edge = Edge::new().await;
    let (record, created) = booked(&edge).await;
    let reminders = format!("{record}/reminders");
    let tag = created.header("etag").unwrap();
    assert_eq!(edge.write("PATCH", &record, &[], r#"{"vat":7}"#).await.status, 200);
    problem(&edge.write("POST", &reminders, &[("if-match", tag)], APRIL_20).await, 412, "changed");
    let reminded = edge.write("POST", &reminders, &[], APRIL_20).await;
    assert_eq!((reminded.json()["vat"].as_f64(), reminded.json()["version"].as_i64()), (Some(7.0), Some(2)));
}

#[tokio::test]
async fn a_repeat_with_its_key_is_one_reminder_and_without_one_another() {
    let edge = Edge::new().await;
    let reminders = format!("{}/reminders", booked(&edge).await.0);
    let keyed = |body| edge.write("POST", &reminders, &[("idempotency-key", "k-1")], body);
    let (first, again) = (keyed(APRIL_20).await, keyed(APRIL_20).await);
    assert_eq!((again.status.as_u16(), message(&again)), (202, message(&first)));
    assert_eq!((again.body, again.headers["idempotency-replayed"].to_str().unwrap()), (first.body, "true"));
    problem(&keyed(r#"{"dueDate":"2026-04-21"}"#).await, 422, "key-reused");
    assert_eq!(edge.write("POST", &reminders, &[], APRIL_20).await.status, 202);
    assert_eq!(
        edge.backend.query("SELECT COUNT(*) FROM OutboxMessages").unwrap(),
        "3",
        "the booking and two reminders"
    );
}

#[tokio::test]
async fn a_reminder_without_a_booked_month_or_a_valid_due_date_is_refused() {
    let edge = Edge::new().await;
    let (record, _) = booked(&edge).await;
    let month = record.trim_end_matches('3');
    for nowhere in [format!("{month}4/reminders"), "/api/clients/999/finance/2026/3/reminders".to_owned()] {
        problem(&edge.write("POST", &nowhere, &[], APRIL_20).await, 404, "not-found");
    }
    let reminders = format!("{record}/reminders");
    for (body, field, why) in [
        ("{}", "dueDate", "is missing"),
        (r#"{"dueDate":20260420}"#, "dueDate", "must be a string"),
        (r#"{"dueDate":"2026-02-30"}"#, "dueDate", "must be a date, such as 2030-04-20"),
        (r#"{"dueDate":"2026-02-28"}"#, "dueDate", "must be from 2026-03-01 to 2031-03-31"),
        (r#"{"dueDate":"2031-04-01"}"#, "dueDate", "must be from 2026-03-01 to 2031-03-31"),
        (r#"{"dueDate":"2026-04-20","vat":1}"#, "vat", "is not known here"),
    ] {
        let wrong = problem(&edge.write("POST", &reminders, &[], body).await, 422, "invalid");
        assert_eq!(wrong, [(field.to_owned(), why.to_owned())], "{body}");
    }
    let get = edge.get(&reminders).await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, Some("POST")));
    assert_eq!(edge.backend.query("SELECT COUNT(*) FROM OutboxMessages").unwrap(), "1", "the booking alone");
}
