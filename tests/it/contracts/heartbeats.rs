//! The heartbeats contract: the last run of each function on each instance.

use super::outbox::number;
use crate::support::backend::Backend;

async fn the_last_run_of_each_function_on_each_instance_is_stored(backend: &impl Backend) {
    let heartbeats = backend.stores().heartbeats;
    heartbeats.beat("RetryEmail", 60_000, Some("the database was away")).await.unwrap();
    heartbeats.beat("DispatchOutbox", 20_000, None).await.unwrap();
    let of = "FROM Heartbeats WHERE Function = 'RetryEmail' AND Instance = 'here'".replace("Function", "[Function]");
    let error = format!("SELECT Error {of}");
    assert_eq!(backend.query(&error).as_deref(), Some("the database was away"));
    let next = backend.plus_ms("LastRunOnUtc", 60_000);
    assert_eq!(number(backend, &format!("SELECT COUNT(*) {of} AND NextByUtc = {next}")), 1);
    let first = backend.query(&format!("SELECT LastRunOnUtc {of}"));
    backend.advance_ms(60_000);
    heartbeats.beat("RetryEmail", 60_000, None).await.unwrap();
    assert_eq!(backend.query(&error), None, "it ended well");
    assert!(backend.query(&format!("SELECT LastRunOnUtc {of}")) > first);
    heartbeats.beat("RetryEmail", i64::MAX / 2, None).await.unwrap();
    assert_eq!(number(backend, "SELECT COUNT(*) FROM Heartbeats"), 2);
}

contract!(the_last_run_of_each_function_on_each_instance_is_stored);
