//! The body of a queue message: stored under its MessageId whatever it is, and a letter written from it keeps to itself.

use super::{envelope, on};
use crate::support::{edge::Edge, fakes::FakeMailer, world::World};
use base64::{Engine, engine::general_purpose::STANDARD};
use client_organizer::{
    adapters::mail::{Sender, TemplateLetters},
    config::Language,
    domain::{
        delivery::{MailOutcome, OnDoubt},
        ids::MessageId,
    },
    ports::mailer::Letter,
};
use serde_json::{Value, json};
use std::{cell::RefCell, sync::Arc};

thread_local! {
    static KEPT: RefCell<Option<super::Kept<Edge>>> = const { RefCell::new(None) };
}

pub(super) fn run(input: &[u8]) {
    on(&KEPT, stage, async |edge| {
        let id = serde_json::from_slice::<Value>(input).ok().and_then(|body| body["id"].as_str().map(str::to_owned));
        let id = id.filter(|id| MessageId::parse(id).is_ok()).unwrap_or_else(|| "m".to_owned());
        let envelope = json!({
            "Data": { "message": STANDARD.encode(input) },
            "Metadata": { "MessageId": serde_json::to_string(&id).unwrap(), "DeliveryCount": "1" },
        });
        let report = envelope::invoke(edge, envelope.to_string().as_bytes()).await;
        assert!(report.is_some_and(|report| report["messageId"] == id.as_str()), "with an id it is always ours");
    });
}

async fn stage() -> Edge {
    let mailer = FakeMailer::new(|letter| {
        check(letter);
        MailOutcome::Accepted { reference: String::new() }
    });
    let mut world = World::with(crate::support::fakes::FakeBus::accepting(), mailer, OnDoubt::Resend);
    let sender = Sender::parse("Biuro <biuro@office.example.pl>").unwrap();
    world.notify.letters = Arc::new(TemplateLetters::new(Language::Pl, &sender).unwrap());
    Edge::over(world).await
}

/// Nothing of the message leaves its place: no header line, no element of HTML.
fn check(letter: &Letter) {
    assert!(!letter.subject.is_empty() && !letter.subject.chars().any(char::is_control), "{:?}", letter.subject);
    assert!(!letter.to.as_str().contains(|c: char| c.is_control() || c == ' ' || c == ','), "{}", letter.to);
    let html = letter.html.to_lowercase();
    assert!(
        !["<script", "<img", "<iframe", "<a href=\"javascript"].iter().any(|element| html.contains(element)),
        "{html}"
    );
    assert!(!letter.text.chars().any(|c| c.is_control() && c != '\n'), "{:?}", letter.text);
}
