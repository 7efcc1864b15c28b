//! What is not known to be done is neither taken as done nor as failed: it is tried again under the same id or key.

use crate::support::{
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    world::{EMAILS, LEASE_MS, World},
};
use async_trait::async_trait;
use client_organizer::{
    domain::{
        booking::{Command, Entry},
        client::Client,
        delivery::OnDoubt,
        idempotency::{Fingerprint, IdempotencyKey},
        ids::ClientId,
        message::Headers,
        money::Money,
        period::Period,
        record::{Figures, FinancialRecord},
        route::Destination,
        verdict::PublishOutcome,
    },
    flows::book::{self, WriteRequest},
    ports::{
        books::{Books, Committed},
        bus::{Bus, Outgoing},
        error::{StoreError, StoreResult},
    },
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Publishes three messages, of which the second got no clear answer; then the bus works.
async fn published_again(first: impl Fn() -> Vec<PublishOutcome> + Send + 'static) {
    let world = World::with(FakeBus::accepting(), FakeMailer::accepting(), OnDoubt::Resend);
    let mut ids = Vec::new();
    for n in 1..=3 {
        let client = world.client(n).await;
        ids.push(world.book_month(client, 1, 100).await);
    }
    world.bus.behave(move |_, _| first());
    let report = world.run_dispatch().await;
    assert!(report.sent < 3, "{report:?}");
    let left = format!("SELECT State FROM OutboxMessages WHERE Id = '{}'", ids[1]);
    assert_eq!(world.backend.query(&left).as_deref(), Some("0"), "it waits");
    world.bus.behave(|_, batch| batch.iter().map(|_| PublishOutcome::Accepted).collect());
    world.advance_ms(10 * 60_000);
    world.run_dispatch().await;
    assert_eq!(world.bus.accepted(EMAILS).iter().filter(|id| **id == ids[1]).count(), 1, "again, under its id");
    assert_eq!(world.count("SELECT count(*) FROM OutboxMessages WHERE State = 2"), 3);
}

#[tokio::test]
async fn a_message_that_times_out_is_sent_again_under_its_id() {
    let timed_out = || PublishOutcome::TimedOut { reason: "no answer".into() };
    published_again(move || vec![PublishOutcome::Accepted, timed_out(), PublishOutcome::Accepted]).await;
}

#[tokio::test]
async fn a_message_without_an_outcome_is_sent_again_under_its_id() {
    published_again(|| vec![PublishOutcome::Accepted]).await;
}

/// Accepts everything, and remembers how much time it was given.
#[derive(Default)]
struct Given(Mutex<Vec<Duration>>);

#[async_trait]
impl Bus for Given {
    async fn publish(&self, _: &Destination, batch: &[Outgoing], deadline: Instant) -> Vec<PublishOutcome> {
        self.0.lock().unwrap().push(deadline.saturating_duration_since(Instant::now()));
        batch.iter().map(|_| PublishOutcome::Accepted).collect()
    }
}

#[tokio::test]
async fn the_bus_has_to_answer_before_the_lease_ends() {
    let mut world = World::new();
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    let bus = Arc::new(Given::default());
    world.dispatch.bus = bus.clone();
    assert_eq!(world.run_dispatch().await.sent, 1);
    let longest = Duration::from_millis(u64::try_from(LEASE_MS - world.dispatch.settings.headroom_ms).unwrap());
    assert!(bus.0.lock().unwrap().iter().all(|given| *given <= longest), "{bus:?}", bus = bus.0);
}

/// Loses the answer to the first commit, which was done.
struct AnswerLost {
    books: Arc<dyn Books>,
    lost: AtomicBool,
}

#[async_trait]
impl Books for AnswerLost {
    async fn commit(&self, entry: &Entry) -> StoreResult<Committed> {
        let committed = self.books.commit(entry).await?;
        if self.lost.swap(true, Ordering::Relaxed) {
            return Ok(committed);
        }
        Err(StoreError::Unknown { step: "book", reason: "the connection was cut".into(), source: None })
    }
    async fn client(&self, id: ClientId) -> StoreResult<Option<Client>> {
        self.books.client(id).await
    }
    async fn clients(&self, after: i64, limit: u32) -> StoreResult<Vec<Client>> {
        self.books.clients(after, limit).await
    }
    async fn record(&self, id: ClientId, period: Period) -> StoreResult<Option<FinancialRecord>> {
        self.books.record(id, period).await
    }
    async fn records(
        &self,
        id: ClientId,
        year: Option<u16>,
        month: Option<u8>,
    ) -> StoreResult<Option<Vec<FinancialRecord>>> {
        self.books.records(id, year, month).await
    }
}

#[tokio::test]
async fn a_booking_whose_answer_was_lost_finds_its_first_result_by_its_key() {
    let mut world = World::new();
    let client = world.client(1).await;
    world.book.books = Arc::new(AnswerLost { books: world.backend.books(), lost: AtomicBool::new(false) });
    let amount = Money::from_grosze(100).unwrap();
    let figures = Figures { income_tax: amount, vat: amount, insurance_amount: amount };
    let idempotency = Some((IdempotencyKey::parse("k").unwrap(), Fingerprint::of("POST", "/", None, b"")));
    let command = Command::CreateRecord(client, Period::new(2026, 1).unwrap(), figures);
    let request = WriteRequest { command, if_match: None, idempotency, headers: Headers::default() };
    let booked = book::book(&world.book, request).await;
    assert!(matches!(booked, Ok(Committed::Replayed(_))), "{booked:?}");
    assert_eq!(world.count("SELECT count(*) FROM OutboxMessages"), 1);
}
