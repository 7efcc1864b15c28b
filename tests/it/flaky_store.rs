//! A store that fails for a while: the holder of a lease tries to store its outcome as long as the lease lasts.

use crate::support::{
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    world::{EMAILS, World},
};
use async_trait::async_trait;
use client_organizer::{
    domain::{
        delivery::{Delivery, MailOutcome, MailWork, OnDoubt},
        ids::LeaseToken,
        mail_settlement::MailSettlement,
        outbox::{BreakerChange, Claim, Claimed, Settle, Settled},
        recipient::Addressee,
        route::Routes,
        verdict::PublishOutcome,
    },
    ports::{
        breaker::{BreakerState, Breakers},
        error::{StoreError, StoreResult},
        inbox::{Alike, Begun, Doubted, Inbox, Lease},
        outbox::{Breaker, Outbox, Routed, Waiting},
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// More failures than any number of tries: only the lease's time bounds them. The transient errors come by turns.
const FAILURES: u32 = 12;

struct Flaky<T: ?Sized> {
    inner: Arc<T>,
    failures: AtomicU32,
}

impl<T: ?Sized> Flaky<T> {
    fn over(inner: Arc<T>) -> Arc<Self> {
        Arc::new(Self { inner, failures: AtomicU32::new(FAILURES) })
    }

    fn fails(&self, step: &'static str) -> StoreResult<()> {
        let left = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let (reason, source) = (String::new(), None);
        match left.map(|left| left % 3) {
            Err(_) => Ok(()),
            Ok(0) => Err(StoreError::Locked { step, reason, source }),
            Ok(1) => Err(StoreError::Unavailable { step, reason, source }),
            Ok(_) => Err(StoreError::Unknown { step, reason, source }),
        }
    }
}

#[async_trait]
impl Outbox for Flaky<dyn Outbox> {
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
        self.inner.claim(claim).await
    }
    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>> {
        self.fails("settle")?;
        self.inner.settle(settle).await
    }
    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32> {
        self.inner.dead_letter(destination, reason, rows_max).await
    }
}

#[async_trait]
impl Breakers for Flaky<dyn Breakers> {
    async fn breaker(&self, name: &str) -> StoreResult<BreakerState> {
        self.inner.breaker(name).await
    }
    async fn take_probe(&self, name: &str, token: LeaseToken, lease_ms: i64) -> StoreResult<bool> {
        self.inner.take_probe(name, token, lease_ms).await
    }
    async fn give_back_probe(&self, name: &str, token: LeaseToken) -> StoreResult<()> {
        self.fails("give back probe")?;
        self.inner.give_back_probe(name, token).await
    }
    async fn change(&self, name: &str, token: LeaseToken, change: &BreakerChange) -> StoreResult<()> {
        self.fails("change breaker")?;
        self.inner.change(name, token, change).await
    }
}

#[async_trait]
impl Inbox for Flaky<dyn Inbox> {
    async fn begin(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        lease: &Lease,
    ) -> StoreResult<Begun> {
        self.inner.begin(consumer, delivery, addressee, lease).await
    }
    async fn refuse(
        &self,
        consumer: &str,
        provider: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        reason: &str,
    ) -> StoreResult<()> {
        self.inner.refuse(consumer, provider, delivery, addressee, reason).await
    }
    async fn expire(
        &self,
        consumer: &str,
        provider: &str,
        on_doubt: OnDoubt,
        rows_max: u32,
    ) -> StoreResult<Vec<Doubted>> {
        self.inner.expire(consumer, provider, on_doubt, rows_max).await
    }
    async fn take_due(&self, consumer: &str, lease: &Lease, probe: bool, rows_max: u32) -> StoreResult<Vec<MailWork>> {
        self.inner.take_due(consumer, lease, probe, rows_max).await
    }
    async fn settle(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        settlement: &MailSettlement,
        provider: &str,
        provider_met: bool,
    ) -> StoreResult<Settled> {
        self.fails("settle a mail")?;
        self.inner.settle(consumer, message_id, token, settlement, provider, provider_met).await
    }
    async fn take_query(&self, message_id: &str, queries: &Lease) -> StoreResult<Option<i64>> {
        self.inner.take_query(message_id, queries).await
    }
    async fn settle_alike(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        refused: &MailSettlement,
        alike: &Alike,
    ) -> StoreResult<(Settled, u32)> {
        self.fails("settle a mail")?;
        self.inner.settle_alike(consumer, message_id, token, refused, alike).await
    }
}

/// Its time passes by itself whenever all tasks wait.
#[tokio::test(start_paused = true)]
async fn a_settle_is_tried_again_as_long_as_its_lease_lasts() {
    let mut world = World::new();
    let client = world.client(1).await;
    world.book_month(client, 7, 23_000).await;
    world.dispatch.outbox = Flaky::over(world.dispatch.outbox.clone());
    let report = world.run_dispatch().await;
    assert_eq!((report.sent, report.store_error), (1, None));
    assert_eq!(world.bus.accepted(EMAILS).len(), 1, "published one time");
    assert_eq!(world.count("SELECT State FROM OutboxMessages"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_settle_that_fails_for_longer_than_its_lease_is_reported() {
    let mut world = World::new();
    let client = world.client(1).await;
    world.book_month(client, 7, 23_000).await;
    let flaky = Flaky::over(world.dispatch.outbox.clone());
    flaky.failures.store(1_000_000, Ordering::Relaxed);
    world.dispatch.outbox = flaky;
    let report = world.run_dispatch().await;
    assert!(report.store_error.or(report.stalled).unwrap().starts_with("settle: "));
}

async fn breaker(world: &World, name: &str) -> Breaker {
    world.backend.breakers().breaker(name).await.unwrap().breaker
}

async fn booked_and_sent(world: &World) {
    let client = world.client(1).await;
    world.book_month(client, 7, 23_000).await;
    world.run_dispatch().await;
}

#[tokio::test(start_paused = true)]
async fn a_mails_outcome_is_tried_again_as_long_as_its_lease_lasts() {
    let mut world = World::new();
    booked_and_sent(&world).await;
    world.notify.inbox = Flaky::over(world.notify.inbox.clone());
    world.deliver_from(0).await;
    assert_eq!(world.mailer.sent().len(), 1);
    assert_eq!(world.count("SELECT State FROM InboxMessages"), 2, "sent, and not in doubt");
}

#[tokio::test(start_paused = true)]
async fn a_breakers_change_is_tried_again_as_long_as_the_lease_lasts() {
    let failing = || MailOutcome::Provider { after_ms: None, reason: "451".to_owned(), of_mail: false };
    let mut world = World::with(FakeBus::accepting(), FakeMailer::new(move |_| failing()), OnDoubt::Resend);
    booked_and_sent(&world).await;
    world.notify.breakers = Flaky::over(world.notify.breakers.clone());
    world.deliver_from(0).await;
    let state = breaker(&world, "mail:fake").await;
    assert!(matches!(state, Breaker::Open { .. }), "{state:?}");
}

/// A lost change would keep the destination closed until the probe's lease ends.
#[tokio::test(start_paused = true)]
async fn a_probe_that_found_nothing_is_given_back_even_if_the_store_fails_for_a_while() {
    let mut world = World::new();
    world.bus.behave(|_, batch| {
        batch.iter().map(|_| PublishOutcome::Blocked { after_ms: None, reason: "503".to_owned() }).collect()
    });
    booked_and_sent(&world).await;
    world.advance_ms(300_000);
    // The head of its key blocks the row, so the probe finds no row.
    world.backend.execute("UPDATE OutboxMessages SET OrderingKey = 'k'");
    world.backend.execute(&format!(
        "INSERT INTO OutboxMessages (Seq, Id, EventType, Payload, Destination, OrderingKey, State, LeaseToken, DueAt) \
         SELECT 0, 'head', 'Plain', '1', '{EMAILS}', 'k', 1, 'x', DueAt + 9000000 FROM OutboxMessages"
    ));
    world.dispatch.breakers = Flaky::over(world.dispatch.breakers.clone());
    let report = world.run_dispatch().await;
    assert_eq!(report.store_error, None);
    assert_eq!(breaker(&world, EMAILS).await, Breaker::ProbeDue);
}
