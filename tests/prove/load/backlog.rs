//! A backlog of another program's rows is sent to a broker while bookings go on.

use super::bookings::Bookings;
use crate::{
    kills::{broker, mailbox::Mailbox, reckoning::Reckoning},
    support::broker::Broker,
};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Bookings a second, unless others are wanted.
const RATE: u64 = 50;
const ASK_EVERY_MS: u64 = 1_000;
/// More than any machine takes.
const LONGEST: Duration = Duration::from_hours(2);

pub async fn prove(rows: usize, rate: Option<u64>) {
    let rate = rate.unwrap_or(RATE);
    let Some(bus) = Broker::start() else { panic!("no broker: tests/broker/prepare") };
    let entity = bus.create(json!({"tally": true})).await;
    let (_folder, mut site) = super::site(&Mailbox::Folder);
    site.set("EmailQueueName", &entity);
    site.argue("--bus", &bus.connection("amqp"));
    site.start();
    site.up().await;
    let bookings = Arc::new(Bookings::of(&site));
    broker::insert(&site, rows);

    let began = Instant::now();
    let writing = tokio::spawn(bookings.clone().at_rate(rate, began + LONGEST));
    let words = json!({"name": entity, "distinct": rows, "ms": ASK_EVERY_MS});
    loop {
        let count = bus.command("until", words.clone()).await;
        let arrived = count["distinct"].as_u64().unwrap();
        if arrived >= rows as u64 {
            break;
        }
        assert!(began.elapsed() < LONGEST, "{arrived} of {rows} arrived");
    }
    let took = began.elapsed().as_secs_f64();
    writing.abort();
    let _ = writing.await;
    Reckoning::of(&site).published().await;
    let (done, failed, latency) = bookings.take();
    let count = bus.command("count", json!({"name": entity})).await;
    #[expect(clippy::cast_precision_loss, reason = "millions")]
    let speed = rows as f64 / took;
    println!(
        "{rows} rows sent in {took:.0} s, {speed:.0} a second, beside {done} bookings ({rate} a second, {failed} failed, {latency}); \
         {} arrived, {} of them twice",
        count["distinct"], count["repeats"]
    );
    assert_eq!(failed, 0, "{}", bookings.reasons());
    assert!(count["distinct"].as_u64().unwrap() >= rows as u64 + done, "all of it arrived");
}
