//! What hosts, queues and callers are known to deliver: odd bodies and ids, late timers, values at their bounds.

use crate::support::{
    backend::Backend,
    edge::{Edge, draft, figures, problem},
    fakes::FakeClock,
    http_client::Answer,
    queue_message::{body, envelope},
    world::EMAILS,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use client_organizer::ports::clock::Clock;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ANNA: &str = "anna@example.pl";

/// The one log line of an invocation.
fn report(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    serde_json::from_str(answer.json()["Logs"][0].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_queue_message_with_any_content_is_stored_and_answered_200() {
    let edge = Edge::new().await;
    let event = body("a", ANNA, FakeClock::new().now());
    let bodies: [(&str, Vec<u8>); 7] = [
        ("json-in-json", json!(event).to_string().into_bytes()),
        ("text", b"hello".to_vec()),
        ("empty", Vec::new()),
        ("not-utf8", vec![0xff, 0xfe, b'{']),
        ("large", vec![b'x'; 200_000]),
        ("large-object", json!({ "id": "large-object", "x": "y".repeat(200_000) }).to_string().into_bytes()),
        ("array", format!("[{event}]").into_bytes()),
    ];
    for (id, bytes) in &bodies {
        let binary = json!({"Data": {"message": STANDARD.encode(bytes)}, "Metadata": {"MessageId": id}});
        for again in [false, true] {
            let reported = report(&edge.invoke("SendEmail", binary.to_string().as_bytes()).await);
            assert_eq!(reported["outcome"], "refused", "{id}, again: {again}");
        }
        let reason = format!("SELECT LastError FROM InboxMessages WHERE MessageId = '{id}'");
        assert!(edge.backend.query(&reason).is_some_and(|why| !why.is_empty() && !why.contains(ANNA)), "{id}");
    }
    assert!(edge.mailer.sent().is_empty());
}

#[tokio::test]
async fn a_message_id_of_any_characters_up_to_128_is_mailed_and_its_repeat_is_not() {
    let edge = Edge::new().await;
    let longest = "ż".repeat(128);
    for id in ["with spaces in it", "\"quoted\"", "it's; DROP TABLE", "🦀\u{200d}🦀", "{}", "17", "null", &longest]
    {
        let once = envelope(id, &body(id, ANNA, FakeClock::new().now()));
        // As the host writes a string: JSON inside a JSON string.
        let twice = once
            .replace(&json!({"MessageId": id}).to_string(), &json!({"MessageId": json!(id).to_string()}).to_string());
        let first = report(&edge.invoke("SendEmail", twice.as_bytes()).await);
        assert_eq!((first["outcome"].clone(), first["messageId"].clone()), (json!("sent"), json!(id)));
        assert_eq!(report(&edge.invoke("SendEmail", twice.as_bytes()).await)["outcome"], "duplicate", "{id}");
        assert_eq!(edge.mailer.sent().last().map(String::as_str), Some(id));
    }
    let sent = edge.mailer.sent().len();
    for id in ["x".repeat(129), "🦀".repeat(65), "a\u{1}b".to_owned()] {
        let mut event: Value = serde_json::from_str(&body("x", ANNA, FakeClock::new().now())).unwrap();
        event["id"] = json!(id);
        for _ in 0..2 {
            let reported = report(&edge.invoke("SendEmail", envelope(&id, &event.to_string()).as_bytes()).await);
            assert_eq!(reported["outcome"], "refused", "{id}: no key of the inbox");
        }
    }
    assert_eq!(edge.mailer.sent().len(), sent);
    let keyed = "SELECT count(*) FROM InboxMessages WHERE MessageId LIKE 'no-id:%'";
    assert_eq!(edge.backend.query(keyed).as_deref(), Some("3"), "their repeats are known all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_fires_late_and_twice_sends_each_row_once() {
    let edge = Edge::new().await;
    let list = format!("/api/clients/{}/finance", edge.client(1).await);
    for month in 1..=6 {
        assert_eq!(edge.write("POST", &list, &[], &figures(month)).await.status, 201);
    }
    let late = json!({"Data": {"timer": {"IsPastDue": true, "ScheduleStatus": {
        "Last": "2026-08-19T10:00:00+00:00", "Next": "2026-08-19T10:00:10+00:00", "LastUpdated": "2026-08-19T10:00:00+00:00"
    }}}, "Metadata": {}})
    .to_string();
    let runs = futures::future::join_all((0..4).map(|_| edge.invoke("DispatchOutbox", late.as_bytes()))).await;
    assert_eq!(runs.iter().map(|run| report(run)["sent"].as_u64().unwrap()).sum::<u64>(), 6);
    let ids = edge.bus.accepted(EMAILS);
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (6, 6));
}

#[tokio::test]
async fn names_in_any_language_and_addresses_and_amounts_at_their_bounds_reach_the_mail() {
    let edge = Edge::new().await;
    // 64 characters before the @ and 254 in all are the limits of mail.
    let address = |length: usize| {
        let labels = [length - 192, 61, 61].map(|length| "b".repeat(length)).join(".");
        format!("{}@{labels}.pl", "a".repeat(64))
    };
    assert_eq!((address(254).len(), address(255).len()), (254, 255));
    for (n, name) in (1..).zip(["Żółw sp. z o.o.", "ТОВ «Ластівка»", "株式会社", "شركة المحاسبة"])
    {
        let mut client = draft(n);
        client["name"] = json!(name);
        client["email"] = json!(address(254));
        let created = edge.write("POST", "/api/clients", &[], &client.to_string()).await;
        assert_eq!((created.status.as_u16(), created.json()["name"].clone()), (201, json!(name)));
        let largest = r#"{"year":2100,"month":12,"incomeTax":9999999999999999.99,"vat":0,"insuranceAmount":0.01}"#;
        let path = format!("/api/clients/{}/finance", created.json()["id"]);
        let booked = edge.write("POST", &path, &[], largest).await;
        assert!(String::from_utf8_lossy(&booked.body).contains("9999999999999999.99"), "{:?}", booked.body);
    }
    assert_eq!(report(&edge.invoke("DispatchOutbox", b"{}").await)["sent"], 4);
    let messages: Vec<_> = edge.bus.log.lock().unwrap().iter().map(|(_, message, _)| message.clone()).collect();
    for message in messages {
        let text = String::from_utf8(message.body.to_vec()).unwrap();
        assert!(text.contains("9999999999999999.99") && text.contains(&address(254)), "{text}");
        let reported = report(&edge.invoke("SendEmail", envelope(message.id.as_str(), &text).as_bytes()).await);
        assert_eq!(reported["outcome"], "sent");
    }
    for (field, value) in [("email", address(255)), ("nipNb", "526-025-02-74".to_owned())] {
        let mut client = draft(9);
        client[field] = json!(value);
        let reported = problem(&edge.write("POST", "/api/clients", &[], &client.to_string()).await, 422, "invalid");
        assert_eq!(reported[0].0, field);
    }
}
