//! The broker is killed in mid-send with thousands of messages under way, and comes back with what it had confirmed.

use super::{
    callers::Storm,
    random::{CALLERS, PAUSE},
    reckoning::{Counts, Reckoning, STUCK},
    site::Site,
};
use crate::support::broker::Broker;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Rows of another program, that wait when the sending begins.
const ROWS: usize = 6_000;
/// The broker dies each time so many more of them have arrived.
const KILLS: usize = 4;
const AWAY: Duration = Duration::from_millis(700);

pub async fn round(mut site: Site, folder: &Path, seed: u64) -> Result<Counts, String> {
    let journal = folder.join("broker.journal");
    let Some(mut broker) = Broker::durable(&journal, None) else {
        return Err("no broker (tests/broker/prepare)".to_owned());
    };
    // Ids only, which is what is counted; a broker takes a moment between storing a message and its confirmation.
    let entity = broker.create(json!({"tally": true, "latencyMs": 3, "confirmMs": 5})).await;
    site.set("EmailQueueName", &entity);
    site.argue("--bus", &broker.connection("amqp"));
    site.start();
    site.up().await;
    insert(&site, ROWS);
    let storm = Storm::begin(&site.news(), 0, CALLERS, seed, PAUSE).await;
    for nth in 1..=KILLS {
        arrived(&broker, &entity, ROWS * nth / (KILLS + 1)).await;
        broker.kill();
        tokio::time::sleep(AWAY).await;
        broker = Broker::durable(&journal, Some(&broker)).expect("it was there before");
    }
    let ledger = storm.end().await;

    let reckoning = Reckoning::of(&site);
    reckoning.published().await;
    let rows = reckoning.all("/api/ops/messages?").await;
    let messages: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let writes = reckoning.compare_books(&ledger, &messages).await;
    assert_eq!(messages.len() as u64, writes + ROWS as u64, "one message for each write and each row");
    assert!(rows.iter().all(|row| row["state"] == "sent"), "every row is sent");
    let ids = broker.command("times", json!({"name": entity})).await;
    let ids = ids.as_object().unwrap();
    let lost: Vec<_> = messages.iter().filter(|id| !ids.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} messages did not arrive: {lost:?}", lost.len(), messages.len());
    assert_eq!(ids.len(), messages.len(), "no message without a commit");
    let twice = count(&broker, &entity).await["repeats"].as_u64().unwrap();
    let arrived = messages.len() as u64;
    Ok(Counts { kills: KILLS as u64, messages: arrived, mails: arrived, twice, ..Counts::of(&ledger) })
}

/// As another program writes them, in one statement.
pub fn insert(site: &Site, number: usize) {
    let connection = rusqlite::Connection::open(site.data.join("app.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    let rows = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO OutboxMessages (Id, EventType, Payload) SELECT 'n' || n, 'FinancialRecordCreated', '{}' FROM n";
    assert_eq!(connection.execute(rows, [i64::try_from(number).unwrap()]).unwrap(), number);
}

async fn count(broker: &Broker, entity: &str) -> Value {
    broker.command("count", json!({"name": entity})).await
}

async fn arrived(broker: &Broker, entity: &str, distinct: usize) {
    let until = Instant::now() + STUCK;
    let words = json!({"name": entity, "distinct": distinct, "ms": 1_000});
    while broker.command("until", words.clone()).await["distinct"].as_u64().unwrap() < distinct as u64 {
        assert!(Instant::now() < until, "fewer than {distinct} messages arrived");
    }
}
