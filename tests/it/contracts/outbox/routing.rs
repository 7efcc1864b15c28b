//! Routing: rows without a destination get theirs, and what is due is listed per destination.

use super::*;
use client_organizer::ports::outbox::{Breaker, Routed};

fn plain(backend: &impl Backend, event_type: &str, ids: &[&str]) {
    let rows: Vec<_> = ids.iter().map(|id| format!("('{id}', '{event_type}', '{{\"n\":1}}')")).collect();
    backend.execute(&format!("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES {}", rows.join(", ")));
}

async fn a_row_goes_to_every_destination_of_its_route(backend: &impl Backend) {
    let columns = "(Id, EventType, OrderingKey, ContentType, Payload, Headers, Subject)";
    let values = "('e', 'Happened', 'k', 'text/csv', 'a;b', '{\"h\":\"1\"}', 'clients/1')";
    backend.execute(&format!("INSERT INTO OutboxMessages {columns} VALUES {values}"));
    let both = routes(&[("Happened", &[MAILS, AUDIT])]);
    let routed = backend.outbox().route(&both, 100).await.unwrap();
    assert_eq!(routed, Routed { routed: 1, siblings: 1, ..Routed::default() });
    assert_eq!(backend.outbox().route(&both, 100).await.unwrap(), Routed::default(), "once");

    let (_, mut mails) = claim(backend, BATCH).await;
    let mut audit = claim_at(&*backend.outbox(), AUDIT, LeaseToken::fresh(), BATCH).await;
    let (original, mut copy) = (mails.rows.remove(0), audit.rows.remove(0));
    assert!(copy.seq > original.seq);
    copy.seq = original.seq;
    assert_eq!(copy, original);
    assert_eq!((copy.payload.as_slice(), copy.headers.as_str()), (b"a;b".as_slice(), "{\"h\":\"1\"}"));
    assert_eq!(number(backend, "SELECT count(*) FROM OutboxMessages WHERE Subject = 'clients/1'"), 2);
    assert_eq!(number(backend, "SELECT count(*) FROM Destinations"), 2, "so that they can be paused and opened");
}

async fn a_destination_named_twice_gets_one_row(backend: &impl Backend) {
    plain(backend, "Happened", &["e"]);
    let routed = backend.outbox().route(&routes(&[("Happened", &[MAILS, MAILS])]), 100).await.unwrap();
    assert_eq!((routed.routed, routed.siblings), (1, 0));
}

async fn siblings_keep_the_order_of_their_events(backend: &impl Backend) {
    enqueue(backend, "", Some("k"), &["e1", "e2", "e3"]);
    let both = routes(&[("Happened", &[MAILS, AUDIT])]);
    for _ in 0..3 {
        backend.outbox().route(&both, 1).await.unwrap();
    }
    for expected in ["e1", "e2", "e3"] {
        let token = LeaseToken::fresh();
        let claimed = claim_at(&*backend.outbox(), AUDIT, token, BATCH).await;
        assert_eq!(ids(&claimed), [expected]);
        settle(backend, token, &claimed, Settlement::Sent).await;
    }
}

async fn a_second_row_with_a_routed_id_is_dead_and_blocks_no_other(backend: &impl Backend) {
    let both = routes(&[("Happened", &[MAILS, AUDIT])]);
    plain(backend, "Happened", &["e"]);
    backend.outbox().route(&both, 100).await.unwrap();
    enqueue(backend, MAILS, None, &["explicit"]);
    plain(backend, "Happened", &["e", "explicit", "neighbour"]);
    let routed = backend.outbox().route(&both, 100).await.unwrap();
    assert_eq!(routed, Routed { routed: 1, siblings: 1, duplicates: 2, discarded: 0 });

    let why = backend.query("SELECT LastError FROM OutboxMessages WHERE State = 3 AND LastOutcome IS NULL");
    assert!(why.unwrap().contains("duplicate id"));
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["e", "explicit", "neighbour"]);
    assert_eq!(backend.outbox().route(&both, 100).await.unwrap(), Routed::default());
}

async fn an_empty_route_discards_and_names_the_setting(backend: &impl Backend) {
    plain(backend, "Nobody", &["e"]);
    plain(backend, "Happened", &["f"]);
    let settings = routes(&[("Nobody", &[]), ("Happened", &[MAILS])]);
    let done = backend.outbox().route(&settings, 100).await.unwrap();
    assert_eq!((done.routed, done.discarded), (1, 1));
    assert_eq!(counts(backend, "e")[0], 4);
    assert!(column(backend, "e", "ProcessedOnUtc").is_some(), "it is pruned in its time");
    assert!(column(backend, "e", "LastError").unwrap().contains("Routes__Nobody"));
}

async fn an_event_type_without_a_route_waits_and_starves_no_other(backend: &impl Backend) {
    plain(backend, "Undecided", &["u1", "u2", "u3"]);
    plain(backend, "Happened", &["m1", "m2", "m3"]);
    let some = routes(&[("Happened", &[MAILS])]);
    assert_eq!(backend.outbox().route(&some, 2).await.unwrap().routed, 2);
    assert_eq!(backend.outbox().route(&some, 2).await.unwrap().routed, 1);
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["m1", "m2", "m3"]);
    assert_eq!(number(backend, "SELECT count(*) FROM OutboxMessages WHERE State = 0 AND Destination = ''"), 3);

    let all = routes(&[("Happened", &[MAILS]), ("Undecided", &[MAILS])]);
    assert_eq!(backend.outbox().route(&all, 100).await.unwrap().routed, 3, "once it is decided, they go");
}

async fn rows_of_several_types_are_routed_by_seq(backend: &impl Backend) {
    plain(backend, "Zebra", &["z1"]);
    plain(backend, "Ape", &["a2"]);
    plain(backend, "Zebra", &["z3"]);
    let both = routes(&[("Ape", &[MAILS]), ("Zebra", &[MAILS])]);
    for expected in ["z1", "a2", "z3"] {
        assert_eq!(backend.outbox().route(&both, 1).await.unwrap().routed, 1);
        assert_eq!(ids(&claim(backend, BATCH).await.1), [expected]);
    }
}

/// A sibling gets its Seq when its row is routed, so a later event must not be routed first: it would be sent first.
async fn only_the_oldest_row_of_a_key_is_routed(backend: &impl Backend) {
    let columns = "INSERT INTO OutboxMessages (Id, EventType, OrderingKey, Payload) VALUES";
    for (id, event_type) in [("e1", "Undecided"), ("e2", "Happened"), ("e3", "Happened")] {
        backend.execute(&format!("{columns} ('{id}', '{event_type}', 'k', '1')"));
    }
    let both: &[&str] = &[MAILS, AUDIT];
    let some = routes(&[("Happened", both)]);
    assert!(!backend.outbox().waiting(&some).await.unwrap().unrouted, "nothing that can be routed");
    assert_eq!(backend.outbox().route(&some, 100).await.unwrap().routed, 0, "e1 waits, and the others behind it");
    let all = routes(&[("Happened", both), ("Undecided", both)]);
    for _ in 0..3 {
        assert!(backend.outbox().waiting(&all).await.unwrap().unrouted);
        assert_eq!(backend.outbox().route(&all, 100).await.unwrap().routed, 1);
    }
    for at in [MAILS, AUDIT] {
        for expected in ["e1", "e2", "e3"] {
            let token = LeaseToken::fresh();
            let claimed = claim_at(&*backend.outbox(), at, token, BATCH).await;
            assert_eq!(ids(&claimed), [expected], "{at}");
            let rows: Vec<_> = claimed.rows.iter().map(|row| (row.seq, Settlement::Sent)).collect();
            let settle = Settle { destination: to(at), token, rows, breaker: BreakerChange::Leave };
            backend.outbox().settle(&settle).await.unwrap();
        }
    }
}

async fn due_reports_the_backlog_of_each_destination_and_what_blocks_it(backend: &impl Backend) {
    assert_eq!(all_due(backend).await, []);
    plain(backend, "Happened", &["unrouted"]);
    assert_eq!(all_due(backend).await, [], "not routed, so due nowhere");
    enqueue(backend, AUDIT, Some("k"), &["a1", "a2"]);
    enqueue(backend, MAILS, None, &["m1", "later"]);
    let later = backend.plus_ms("DueAt", 300_000);
    backend.execute(&format!("UPDATE OutboxMessages SET DueAt = {later} WHERE Id = 'later'"));
    let named: Vec<_> = all_due(backend).await.into_iter().map(|d| (d.destination, d.rows)).collect();
    assert_eq!(named, [(MAILS.to_owned(), 1), (AUDIT.to_owned(), 2)]);
    assert_eq!(number(backend, "SELECT count(*) FROM Destinations"), 2, "named by rows alone, they get their row");

    let first = due(backend, MAILS).await.unwrap();
    assert_eq!((first.paused, first.breaker, first.suspects), (false, Breaker::Closed, 0));
    backend.breakers().change(MAILS, LeaseToken::fresh(), &open(300_000)).await.unwrap();
    let until = backend.at_ms(9_999_999_999_999);
    backend.execute(&format!("UPDATE Destinations SET PausedUntilUtc = {until} WHERE Name = '{AUDIT}'"));
    assert!(due(backend, AUDIT).await.unwrap().paused);
    let Breaker::Open { for_ms } = due(backend, MAILS).await.unwrap().breaker else { panic!("it is open") };
    assert!((1..=300_000).contains(&for_ms));
    backend.advance_ms(300_001);
    let later = due(backend, MAILS).await.unwrap();
    assert_eq!((later.rows, later.breaker), (2, Breaker::ProbeDue));
}

async fn waiting_reports_whether_there_are_rows_to_route(backend: &impl Backend) {
    let settings = routes(&[("Happened", &[MAILS]), ("Nobody", &[])]);
    let unrouted = async || backend.outbox().waiting(&settings).await.unwrap().unrouted;
    assert!(!unrouted().await);
    plain(backend, "Undecided", &["u"]);
    assert!(!unrouted().await, "it waits for a route, and costs no query");
    for event_type in ["Happened", "Nobody"] {
        plain(backend, event_type, &[event_type]);
        assert!(unrouted().await, "{event_type}");
        backend.outbox().route(&settings, 100).await.unwrap();
        assert!(!unrouted().await, "{event_type}");
    }
    plain(backend, "Happened", &["Happened"]);
    assert!(unrouted().await, "a duplicate is to be set dead");
}

async fn rows_with_an_invalid_destination_are_dead_lettered_in_bounded_steps(backend: &impl Backend) {
    enqueue(backend, "mails", None, &["b1", "b2", "b3"]);
    enqueue(backend, MAILS, None, &["good"]);
    assert_eq!(due(backend, "mails").await.unwrap().rows, 3);
    assert_eq!(backend.outbox().dead_letter("mails", "'mails' is no destination", 2).await.unwrap(), 2);
    assert_eq!(backend.outbox().dead_letter("mails", "'mails' is no destination", 2).await.unwrap(), 1);
    assert_eq!(column(backend, "b3", "LastError").as_deref(), Some("'mails' is no destination"));
    assert_eq!(due(backend, "mails").await, None);
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["good"]);
}

contract!(
    a_row_goes_to_every_destination_of_its_route,
    a_destination_named_twice_gets_one_row,
    siblings_keep_the_order_of_their_events,
    a_second_row_with_a_routed_id_is_dead_and_blocks_no_other,
    an_empty_route_discards_and_names_the_setting,
    an_event_type_without_a_route_waits_and_starves_no_other,
    rows_of_several_types_are_routed_by_seq,
    only_the_oldest_row_of_a_key_is_routed,
    due_reports_the_backlog_of_each_destination_and_what_blocks_it,
    waiting_reports_whether_there_are_rows_to_route,
    rows_with_an_invalid_destination_are_dead_lettered_in_bounded_steps,
);
