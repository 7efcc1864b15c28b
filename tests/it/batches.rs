//! Several batches of one destination under way at once: overlap, and what a failure of one does to the others.

use crate::support::{
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    world::{EMAILS, World, dispatcher},
};
use async_trait::async_trait;
use client_organizer::{
    domain::{
        delivery::OnDoubt,
        outbox::{Claim, Claimed, LastOutcome, Settle, Settled},
        route::{Destination, Routes},
        verdict::PublishOutcome,
    },
    flows::dispatch::{DispatchContext, DispatchReport, dispatch},
    ports::{
        bus::{Bus, Outgoing},
        error::StoreResult,
        outbox::{Outbox, Routed, Waiting},
    },
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Barrier, Notify},
    time::Instant,
};

/// Of the bus: another batch is claimed meanwhile.
const LATENCY: Duration = Duration::from_millis(20);

type Answer = dyn Fn(&Outgoing) -> PublishOutcome + Send + Sync;

/// A bus that answers a batch only when `at_once` batches are under way, and reports which were.
struct Together {
    met: Barrier,
    answer: Box<Answer>,
    batches: Mutex<Vec<Vec<String>>>,
    /// Now, and those that shared the link with another batch at any time.
    under_way: Mutex<Vec<Vec<String>>>,
    shared: Mutex<BTreeSet<String>>,
}

impl Together {
    fn new(at_once: usize, answer: impl Fn(&Outgoing) -> PublishOutcome + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            met: Barrier::new(at_once),
            answer: Box::new(answer),
            batches: Mutex::default(),
            under_way: Mutex::default(),
            shared: Mutex::default(),
        })
    }
}

#[async_trait]
impl Bus for Together {
    async fn publish(&self, _: &Destination, batch: &[Outgoing], _: Instant) -> Vec<PublishOutcome> {
        let ids: Vec<String> = batch.iter().map(|message| message.id.to_string()).collect();
        self.batches.lock().unwrap().push(ids.clone());
        {
            let mut under_way = self.under_way.lock().unwrap();
            under_way.push(ids.clone());
            if under_way.len() > 1 {
                self.shared.lock().unwrap().extend(under_way.iter().flatten().cloned());
            }
        }
        self.met.wait().await;
        tokio::time::sleep(LATENCY).await;
        self.under_way.lock().unwrap().retain(|other| *other != ids);
        batch.iter().map(&self.answer).collect()
    }
}

struct Office {
    world: World,
    context: DispatchContext,
}

/// Rows `r01`, `r02`… without a key, in batches of one.
fn office(rows: u32, bus: Arc<dyn Bus>) -> Office {
    let world = World::with(FakeBus::accepting(), FakeMailer::accepting(), OnDoubt::Resend);
    world.backend.execute(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO OutboxMessages (Id, EventType, Payload, Destination)
         SELECT printf('r%02d', i), 'Plain', '{{}}', '{EMAILS}' FROM n"
    ));
    let mut context = dispatcher(&world.backend, bus, world.clock.clone(), world.dispatch.routes.clone(), 1);
    context.settings.batch_max = 1;
    Office { world, context }
}

impl Office {
    async fn dispatch(&self) -> DispatchReport {
        dispatch(&self.context).await
    }

    fn ids_of_state(&self, state: i64) -> String {
        let ids = "SELECT coalesce(group_concat(Id, ' '), '') FROM (SELECT Id FROM OutboxMessages WHERE State =";
        self.world.backend.query(&format!("{ids} {state} ORDER BY Seq)")).unwrap()
    }
}

/// With one batch at a time the first publish would wait for ever.
#[tokio::test]
async fn four_batches_are_published_at_once_and_every_row_is_sent() {
    let bus = Together::new(4, |_| PublishOutcome::Accepted);
    let office = office(8, bus.clone());
    assert_eq!(office.dispatch().await.sent, 8);
    let ids: BTreeSet<String> = bus.batches.lock().unwrap().iter().flatten().cloned().collect();
    assert_eq!(ids.len(), 8, "each once: {ids:?}");
}

#[tokio::test]
async fn rows_of_one_key_are_never_under_way_together() {
    let bus = Together::new(1, |_| PublishOutcome::Accepted);
    let mut office = office(8, bus.clone());
    office.context.settings.batch_max = 500;
    office.world.backend.execute("UPDATE OutboxMessages SET OrderingKey = 'k' || (Seq % 2)");
    assert_eq!(office.dispatch().await.sent, 8);
    let batches = bus.batches.lock().unwrap().clone();
    let pairs = [["r01", "r02"], ["r03", "r04"], ["r05", "r06"], ["r07", "r08"]];
    assert_eq!(batches, pairs, "two keys: two rows at a time, in order");
}

/// However many rows flow: a suspect that is known of waits for one batch, not for all.
#[tokio::test]
async fn a_suspect_gets_its_turn_after_one_batch() {
    let bus = Together::new(1, |_| PublishOutcome::Accepted);
    let office = office(6, bus.clone());
    office.world.backend.execute("UPDATE OutboxMessages SET Claims = 2 WHERE Id = 'r06'");
    assert_eq!(office.dispatch().await.sent, 6);
    let order: Vec<String> = bus.batches.lock().unwrap().iter().flatten().cloned().collect();
    assert_eq!(order[..2], ["r01", "r06"], "{order:?}");
}

/// One outage is one failure of the breaker, however many batches it met.
#[tokio::test]
async fn an_outage_opens_the_breaker_once_and_nothing_more_is_sent_or_counted() {
    let away = || PublishOutcome::Blocked { after_ms: None, reason: "away".into() };
    let bus = Together::new(4, move |_| away());
    let office = office(8, bus.clone());
    let report = office.dispatch().await;
    assert_eq!((report.sent, report.retried, report.released), (0, 0, report.claimed));
    assert_eq!(bus.batches.lock().unwrap().len(), 4, "no batch is published after the breaker opened");
    assert_eq!(office.ids_of_state(0).split(' ').count(), 8);
    assert_eq!(office.world.backend.query("SELECT Failures FROM Destinations").as_deref(), Some("1"));
    assert_eq!(office.world.count("SELECT sum(RetryCount) FROM OutboxMessages"), 0);
    let unsent = "SELECT count(*) FROM OutboxMessages WHERE LastOutcome IS NULL AND LastError IS NULL";
    assert_eq!(office.world.count(unsent), 4);
}

#[tokio::test]
async fn a_panic_over_one_batch_leaves_the_others_settled() {
    let bus = Together::new(2, |message| match message.id.as_str() {
        "r01" => panic!("as a defect would"),
        _ => PublishOutcome::Accepted,
    });
    let office = office(2, bus);
    let report = office.dispatch().await;
    assert!(report.store_error.is_some_and(|error| error.contains("panicked")), "the run is a failed one");
    assert_eq!((office.ids_of_state(1), office.ids_of_state(2)), ("r01".into(), "r02".into()));
}

/// A suspect may cut the link, and what shares the link would be cut with it.
#[tokio::test]
async fn a_suspect_is_published_while_nothing_else_is_under_way() {
    let bus = Together::new(1, |_| PublishOutcome::Accepted);
    let mut office = office(7, bus.clone());
    office.context.settings.batch_max = 2;
    let cut = LastOutcome::Cut as i64;
    office
        .world
        .backend
        .execute(&format!("UPDATE OutboxMessages SET Claims = 2, LastOutcome = {cut} WHERE Id IN ('r03', 'r04')"));
    assert_eq!(office.dispatch().await.sent, 7);
    let shared = bus.shared.lock().unwrap().clone();
    assert!(!shared.contains("r03") && !shared.contains("r04"), "{shared:?}");
}

/// One of them may kill the process, and the other would be found with it each time, and blamed.
#[tokio::test]
async fn suspects_of_two_destinations_are_never_under_way_together() {
    let bus = Together::new(1, |_| PublishOutcome::Accepted);
    let office = office(2, bus.clone());
    office.world.backend.execute("UPDATE OutboxMessages SET Claims = 2, LastOutcome = 4");
    office.world.backend.execute("UPDATE OutboxMessages SET Destination = 'queue:other' WHERE Id = 'r02'");
    assert_eq!(office.dispatch().await.sent, 2);
    assert_eq!(*bus.shared.lock().unwrap(), BTreeSet::new());
}

/// An outbox whose second claim is answered only after a settle.
struct LateClaim {
    inner: Arc<dyn Outbox>,
    claims: AtomicU32,
    settled: Notify,
}

#[async_trait]
impl Outbox for LateClaim {
    async fn ensure_destinations(&self, names: &[String]) -> StoreResult<()> {
        self.inner.ensure_destinations(names).await
    }
    async fn route(&self, routes: &Routes, rows_max: u32) -> StoreResult<Routed> {
        self.inner.route(routes, rows_max).await
    }
    async fn waiting(&self, routes: &Routes) -> StoreResult<Waiting> {
        self.inner.waiting(routes).await
    }
    async fn holders(&self) -> Vec<String> {
        self.inner.holders().await
    }
    async fn claim(&self, claim: &Claim) -> StoreResult<Claimed> {
        let claimed = self.inner.claim(claim).await;
        if self.claims.fetch_add(1, Ordering::Relaxed) == 1 {
            self.settled.notified().await;
        }
        claimed
    }
    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>> {
        let settled = self.inner.settle(settle).await;
        self.settled.notify_one();
        settled
    }
    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32> {
        self.inner.dead_letter(destination, reason, rows_max).await
    }
}

#[tokio::test]
async fn what_was_claimed_while_the_breaker_opened_is_put_back_unsent() {
    let bus = Together::new(1, |_| PublishOutcome::Blocked { after_ms: None, reason: "away".into() });
    let mut office = office(3, bus.clone());
    let inner = office.context.outbox.clone();
    office.context.outbox = Arc::new(LateClaim { inner, claims: AtomicU32::new(0), settled: Notify::new() });
    let report = office.dispatch().await;
    assert_eq!((report.claimed, report.released), (2, 2));
    assert_eq!(*bus.batches.lock().unwrap(), [["r01"]]);
    assert_eq!(office.ids_of_state(0), "r01 r02 r03");
    let kept =
        "SELECT RetryCount || '/' || Claims || '/' || coalesce(LastOutcome, '-') FROM OutboxMessages WHERE Id = 'r02'";
    assert_eq!(office.world.backend.query(kept).as_deref(), Some("0/0/-"), "as if it had never been claimed");
}

/// Otherwise each of many destinations could make the run longer by the time of a publish.
#[tokio::test]
async fn the_wait_for_another_destinations_suspect_counts_towards_the_runs_time() {
    let bus = Together::new(1, |_| PublishOutcome::Accepted);
    let mut office = office(1, bus.clone());
    office.context.settings.run_ms = 200;
    office.world.backend.execute("UPDATE OutboxMessages SET Claims = 2, LastOutcome = 4");
    let suspects = office.context.suspects.clone();
    let others = async {
        let _under_way = suspects.lock().await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    };
    let ((), report) = tokio::join!(others, office.dispatch());
    assert_eq!((report.claimed, report.out_of_time), (0, true));
}
