//! Clients who are booked for, over HTTP.

use crate::{
    load::{Post, connect, send},
    process::{self, Settings},
};
use http_body_util::BodyExt;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

const CLIENTS: u32 = 100;
/// From 2000 to 2100.
const MONTHS: u32 = 101 * 12;

/// What is booked from now on waits: so booking and sending are measured separately. The handler has started, which
/// names the destination.
pub fn pause(settings: &Settings) {
    process::run(&["ops", "pause", crate::backlog::QUEUE, "--reason", "bench", "--by", "bench"], settings);
}

/// The bookings that are still to be made.
#[derive(Clone, Default)]
pub struct Bookings(Arc<AtomicU32>);

impl Bookings {
    /// Another month, of one client after the other.
    pub fn next(&self) -> Post {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let (client, month) = (1 + n % CLIENTS, n / CLIENTS);
        assert!(month < MONTHS, "all months are booked");
        let figures = json!({"year": 2000 + month / 12, "month": 1 + month % 12, "incomeTax": 1234.56, "vat": 230, "insuranceAmount": 100.5});
        Post { path: format!("/api/clients/{client}/finance"), body: figures.to_string() }
    }
}

pub async fn book_clients(port: u16) {
    let mut connection = connect(port).await;
    for n in 0..CLIENTS {
        let nip = (n * 11..).find_map(|candidate| {
            let nine = format!("{:09}", 526_000_000 + candidate);
            let nine: Vec<u32> = nine.chars().filter_map(|c| c.to_digit(10)).collect();
            let check = client_organizer::domain::client::Nip::check_digit(&nine)?;
            Some(nine.iter().chain([&check]).map(ToString::to_string).collect::<String>())
        });
        let draft = json!({"name": "Zażółć sp. z o.o.", "address": "ul. Prosta 1, 30-001 Kraków", "nipNb": nip, "email": "biuro@example.pl"});
        let answer =
            send(&mut connection, port, Post { path: "/api/clients".to_owned(), body: draft.to_string() }).await;
        answer.into_body().collect().await.unwrap();
    }
}
