//! The function Operations over a store with a failure: found, looked at, put right, and recorded.

use crate::support::{
    edge::{Edge, draft, figures, problem},
    http_client::Answer,
    world::EMAILS,
};
use client_organizer::{adapters::clock::SystemClock, domain::verdict::PublishOutcome, ports::clock::Clock};
use hyper::StatusCode;
use serde_json::{Value, json};

/// A booking whose message the bus refuses for good; returns its id.
async fn dead(edge: &Edge) -> String {
    edge.bus.behave(|_, batch| {
        let refused = |_| PublishOutcome::Permanent { reason: "the queue <b>x</b> does not exist".to_owned() };
        batch.iter().map(refused).collect()
    });
    let client = edge.client(1).await;
    let booked = edge.write("POST", &format!("/api/clients/{client}/finance"), &[], &figures(3)).await;
    assert_eq!(edge.invoke("DispatchOutbox", b"{}").await.status, 200);
    edge.bus.behave(|_, batch| batch.iter().map(|_| PublishOutcome::Accepted).collect());
    booked.header("outbox-message-id").unwrap().to_owned()
}

fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

async fn post(edge: &Edge, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    edge.write("POST", &format!("/api/ops/{path}"), headers, &body.to_string()).await
}

async fn get(edge: &Edge, path: &str) -> Value {
    ok(&edge.get(&format!("/api/ops/{path}")).await)
}

#[tokio::test]
async fn a_failure_is_found_by_its_group_and_requeued_by_its_dry_run() {
    let edge = Edge::new().await;
    let id = dead(&edge).await;
    let groups = get(&edge, "groups").await;
    let group = groups["items"][0].clone();
    assert_eq!(
        (group["name"].clone(), group["class"].clone(), group["setAside"].clone()),
        (json!(EMAILS), json!("permanent"), json!(1))
    );
    let fingerprint = group["fingerprint"].as_str().unwrap();
    let found =
        get(&edge, &format!("messages?fingerprint={fingerprint}&state=dead&destination=queue%3Aclient-emails")).await;
    assert_eq!((found["items"][0]["id"].clone(), found["items"].as_array().unwrap().len()), (json!(id), 1), "{found}");
    assert_eq!(get(&edge, "messages?state=pending").await["items"], json!([]));

    let wanted = json!({"action": "requeue", "selection": {"group": fingerprint}, "dryRun": true});
    let plan = ok(&post(&edge, "remedies", &[], wanted).await);
    assert_eq!((plan["count"].clone(), plan["sample"][0]["id"].clone()), (json!(1), json!(id)), "{plan}");
    assert_eq!(get(&edge, "overview").await["destinations"][0]["dead"], 1, "a dry run changes nothing");
    let run = json!({"token": plan["token"], "reason": "the queue was created", "by": "anna"});
    let done = post(&edge, "remedies", &[], run.clone()).await;
    assert_eq!((ok(&done)["done"].clone(), done.header("idempotency-replayed")), (json!(1), None));
    let again = post(&edge, "remedies", &[], run).await;
    assert_eq!((again.json(), again.header("idempotency-replayed")), (done.json(), Some("true")), "a token runs once");
    problem(&post(&edge, "remedies", &[], json!({"token": "other", "reason": "r", "by": "b"})).await, 409, "no-plan");
    let unfit = json!({"action": "resend-mail", "selection": {"messages": {}}, "dryRun": true});
    problem(&post(&edge, "remedies", &[], unfit).await, 409, "no-remedy");

    assert_eq!(edge.invoke("DispatchOutbox", b"{}").await.status, 200);
    assert_eq!(edge.bus.accepted(EMAILS), [id.as_str()]);
    let audit = get(&edge, &format!("audit?messageId={id}")).await;
    let entry = &audit["items"][0];
    assert_eq!(
        [&entry["by"], &entry["action"], &entry["reason"], &entry["rows"]],
        [&json!("anna"), &json!("requeue"), &json!("the queue was created"), &json!(1)]
    );
    let message = get(&edge, &format!("messages/{}", id.to_ascii_uppercase())).await;
    let kinds: Vec<&str> =
        message["timeline"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["committed", "dead", "action", "sent"], "{message}");
}

#[tokio::test]
async fn personal_data_is_shown_only_to_who_signs_for_it() {
    let edge = Edge::new().await;
    let id = dead(&edge).await;
    let address = draft(1)["email"].as_str().unwrap().to_owned();
    let path = format!("messages/{id}");
    assert!(!get(&edge, &path).await.to_string().contains(&address));
    assert_eq!(get(&edge, "audit").await["items"], json!([]));
    let revealed = get(&edge, &format!("{path}?reveal=true&by=anna&reason=the+client+asks")).await;
    assert!(revealed["payload"]["text"].as_str().unwrap().contains(&address), "{revealed}");
    let entry = get(&edge, "audit").await["items"][0].clone();
    assert_eq!(
        (entry["action"].clone(), entry["by"].clone(), entry["reason"].clone()),
        (json!("reveal"), json!("anna"), json!("the client asks"))
    );
    problem(&edge.get("/api/ops/messages/none").await, 404, "not-found");
}

#[tokio::test]
async fn a_pause_is_signed_by_the_platforms_user_and_repeated_by_its_key() {
    let edge = Edge::new().await;
    dead(&edge).await;
    let body = json!({"reason": "maintenance", "by": "mallory", "forMinutes": 30});
    let headers = [("x-ms-client-principal-name", "anna@office.example"), ("idempotency-key", "p-1")];
    let paused = post(&edge, "destinations/queue:client-emails/drain", &headers, body.clone()).await;
    assert_eq!(ok(&paused), json!({"names": [EMAILS], "changed": 1, "leased": 0}));
    let again = post(&edge, "destinations/queue:client-emails/drain", &headers, body.clone()).await;
    assert_eq!((ok(&again), again.header("idempotency-replayed")), (paused.json(), Some("true")));
    problem(&post(&edge, "destinations/all/drain", &headers, body).await, 422, "key-reused");
    let overview = get(&edge, "overview?minutes=1440").await;
    let pause = &overview["destinations"][0]["pause"];
    assert_eq!((pause["by"].clone(), pause["reason"].clone()), (json!("anna@office.example"), json!("maintenance")));
    assert!(pause["until"].is_string());
    assert_eq!(get(&edge, "audit").await["items"].as_array().unwrap().len(), 1, "a repeat is no second action");

    let resume = json!({"reason": "done", "by": "jan"});
    assert_eq!(ok(&post(&edge, "destinations/all/resume", &[], resume.clone()).await)["changed"], 1);
    problem(&post(&edge, "destinations/queue:other/resume", &[], resume.clone()).await, 404, "not-found");
    let audit = get(&edge, "audit?limit=1").await;
    assert_eq!(audit["items"][0]["by"], "jan", "the name that is given, where the platform states none");
    let older = get(&edge, &format!("audit?before={}", audit["next"].as_str().unwrap())).await;
    assert_eq!(older["items"][0]["by"], "anna@office.example");
}

#[tokio::test]
async fn mails_are_found_by_an_address_in_the_body() {
    let edge = Edge::new().await;
    let id = dead(&edge).await;
    let address = draft(1)["email"].as_str().unwrap().to_ascii_uppercase();
    assert_eq!(ok(&post(&edge, "mails/find", &[], json!({"address": address})).await)["items"], json!([]));
    let envelope = crate::support::queue_message::envelope(
        &id,
        &crate::support::queue_message::body(&id, &address, SystemClock.now()),
    );
    assert_eq!(edge.invoke("SendEmail", envelope.as_bytes()).await.status, 200);
    let found = ok(&post(&edge, "mails/find", &[], json!({"address": address, "limit": 1})).await);
    assert_eq!(
        (found["items"][0]["messageId"].clone(), found["items"][0]["state"].clone()),
        (json!(id), json!("sent"))
    );
    assert_eq!(ok(&post(&edge, "mails/find", &[], json!({"address": "other@example.pl"})).await)["items"], json!([]));
    assert_eq!(get(&edge, "mails").await["items"], json!([]), "those that are not sent");
    assert_eq!(get(&edge, "mails?state=sent").await["items"][0]["messageId"], json!(id));
}

#[tokio::test]
async fn prometheus_scrapes_what_the_overview_shows() {
    let edge = Edge::new().await;
    dead(&edge).await;
    let answer = edge.get("/api/ops/metrics?code=key").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let sample = r#"client_organizer_outbox_rows{destination="queue:client-emails",state="dead"} 1"#;
    assert!(text.lines().any(|line| line == sample), "{text}");
    problem(&edge.get("/api/ops/metrics?minutes=1").await, 422, "invalid");
}
