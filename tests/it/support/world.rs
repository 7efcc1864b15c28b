//! The rivers on one store, with a fake bus and a fake mailer, and a clock that only the test moves.

use super::{
    backend::{Backend, SqliteBackend},
    fakes::{BareLetters, FakeBus, FakeClock, FakeMailer},
};
use client_organizer::{
    domain::{
        booking::{BookedResult, Command},
        client::{ClientDraft, ClientName, Email, Nip, PostalAddress},
        delivery::{Delivery, MailPolicy, OnDoubt},
        events::{self, DefaultRoute, EventType},
        flow_settings::{DispatchSettings, NotifySettings},
        ids::ClientId,
        message::{Headers, MessageLimits},
        money::Money,
        period::Period,
        rate_limit::RateLimit,
        recipient::RecipientKey,
        record::{Figures, FiguresPatch},
        route::{Destination, Routes},
        verdict::Policy,
    },
    flows::{
        book::{self, BookContext, WriteRequest},
        dispatch::{self, DispatchContext, DispatchReport},
        health::Health,
        mailing::{NotifyContext, NotifyReport},
        notify,
        nudge::Nudge,
        retry_mails::{self, RetryReport},
    },
    ports::{books::Committed, breaker::Breakers, bus::Bus, outbox::Outbox},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

pub const EMAILS: &str = "queue:client-emails";

pub struct World {
    pub backend: SqliteBackend,
    pub bus: Arc<FakeBus>,
    pub mailer: Arc<FakeMailer>,
    pub clock: Arc<FakeClock>,
    pub book: BookContext,
    pub dispatch: DispatchContext,
    pub notify: NotifyContext,
}

pub const LEASE_MS: i64 = 60_000;

pub fn dispatch_settings() -> DispatchSettings {
    DispatchSettings {
        batch_max: 100,
        batch_bytes_max: 1_000_000,
        lease_ms: LEASE_MS,
        headroom_ms: 10_000,
        claims_max: 3,
        run_ms: 30_000,
        policy: Policy {
            retry_max: 5,
            retry_base_ms: 1_000,
            retry_delay_max_ms: 60_000,
            breaker_base_ms: 5_000,
            breaker_max_ms: 300_000,
        },
    }
}

pub fn routes(pairs: &[(&str, &[&str])]) -> Arc<Routes> {
    let parse = |names: &[&str]| names.iter().map(|name| Destination::parse(name).unwrap()).collect::<Vec<_>>();
    Arc::new(Routes(pairs.iter().map(|(event, to)| ((*event).to_owned(), parse(to))).collect::<BTreeMap<_, _>>()))
}

impl World {
    pub fn new() -> Self {
        Self::with(FakeBus::accepting(), FakeMailer::accepting(), OnDoubt::Resend)
    }

    pub fn with(bus: FakeBus, mailer: FakeMailer, on_doubt: OnDoubt) -> Self {
        Self::on(SqliteBackend::new(), bus, mailer, on_doubt)
    }

    /// Whose store notes the statements that it runs.
    pub fn noting() -> Self {
        Self::on(SqliteBackend::noting(), FakeBus::accepting(), FakeMailer::accepting(), OnDoubt::Resend)
    }

    fn on(backend: SqliteBackend, bus: FakeBus, mailer: FakeMailer, on_doubt: OnDoubt) -> Self {
        let (bus, mailer, clock) = (Arc::new(bus), Arc::new(mailer), Arc::new(FakeClock::new()));
        let by_default = |one: &EventType| match one.default_route {
            DefaultRoute::EmailQueue => (one.name, &[EMAILS][..]),
            DefaultRoute::Nobody => (one.name, &[][..]),
        };
        let pairs: Vec<_> = events::ALL.iter().map(by_default).chain([("Plain", &[EMAILS][..])]).collect();
        let routes = routes(&pairs);
        let health = Arc::new(Health::default());
        let book = BookContext {
            books: backend.books(),
            clock: clock.clone(),
            routes: routes.clone(),
            limits: MessageLimits::default(),
            nudge: Nudge::default(),
            health: health.clone(),
        };
        let dispatch = dispatcher(&backend, bus.clone(), clock.clone(), routes, 1);
        let notify = NotifyContext {
            inbox: backend.inbox(),
            breakers: backend.breakers(),
            mailer: mailer.clone(),
            letters: Arc::new(BareLetters),
            clock: clock.clone(),
            recipients: RecipientKey::new("a key of the tests"),
            settings: NotifySettings {
                lease_ms: LEASE_MS,
                run_ms: 30_000,
                at_once: 4,
                tombstone_days: 400,
                policy: MailPolicy {
                    on_doubt,
                    doubts_max: 3,
                    retry_base_ms: 60_000,
                    retry_delay_max_ms: 3_600_000,
                    give_up_ms: 48 * 3_600_000,
                    breaker_base_ms: 30_000,
                    breaker_max_ms: 600_000,
                },
                rate_limit: RateLimit::default(),
                queries: RateLimit::default(),
            },
            health,
            dice: Mutex::new(fastrand::Rng::with_seed(2)),
            blamed: Mutex::default(),
        };
        Self { backend, bus, mailer, clock, book, dispatch, notify }
    }

    /// Moves the clocks of the database and of the process together.
    pub fn advance_ms(&self, ms: i64) {
        self.backend.advance_ms(ms);
        self.clock.advance_ms(ms);
    }

    pub async fn write(&self, command: Command) -> Committed {
        let request = WriteRequest { command, if_match: None, idempotency: None, headers: Headers::default() };
        book::book(&self.book, request).await.unwrap()
    }

    pub async fn client(&self, n: u32) -> ClientId {
        let draft = ClientDraft {
            name: ClientName::parse(&format!("Klient {n}")).unwrap(),
            address: PostalAddress::parse("ul. Prosta 1, Kraków").unwrap(),
            nip_nb: nip(n),
            email: Email::parse(&format!("klient{n}@example.pl")).unwrap(),
            language: None,
        };
        match self.write(Command::CreateClient(draft)).await {
            Committed::Done(booked) => match booked.result {
                BookedResult::ClientCreated(client) => client.id,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Books figures; returns the id of the message.
    pub async fn book_month(&self, client: ClientId, month: u8, grosze: i64) -> String {
        let amount = Money::from_grosze(grosze).unwrap();
        let figures = Figures { income_tax: amount, vat: amount, insurance_amount: amount };
        let period = Period::new(2026, month).unwrap();
        message_id(&self.write(Command::CreateRecord(client, period, figures)).await)
    }

    pub async fn change_month(&self, client: ClientId, month: u8, grosze: i64) -> String {
        let patch = FiguresPatch { vat: Money::from_grosze(grosze), ..FiguresPatch::default() };
        let period = Period::new(2026, month).unwrap();
        message_id(&self.write(Command::PatchRecord(client, period, patch)).await)
    }

    pub async fn run_dispatch(&self) -> DispatchReport {
        dispatch::dispatch(&self.dispatch).await
    }

    /// Delivers all messages that the bus accepted since `from`, in order, as the queue would.
    pub async fn deliver_from(&self, from: usize) -> Vec<NotifyReport> {
        let deliveries: Vec<Delivery> = {
            let log = self.bus.log.lock().unwrap();
            let accepted = log
                .iter()
                .skip(from)
                .filter(|(_, _, outcome)| *outcome == client_organizer::domain::verdict::PublishOutcome::Accepted);
            accepted
                .map(|(_, message, _)| Delivery {
                    message_id: message.id.to_string(),
                    body: message.body.to_vec(),
                    delivery_count: 1,
                    enqueued_on: None,
                    traceparent: None,
                })
                .collect()
        };
        let mut reports = Vec::new();
        for delivery in deliveries {
            reports.push(notify::take_in(&self.notify, delivery).await.unwrap());
        }
        reports
    }

    /// RetryEmail of another process, on the same store, provider and clock.
    pub fn beside(&self) -> NotifyContext {
        NotifyContext {
            inbox: self.backend.others().inbox,
            breakers: self.backend.breakers(),
            mailer: self.notify.mailer.clone(),
            letters: self.notify.letters.clone(),
            clock: self.clock.clone(),
            recipients: self.notify.recipients.clone(),
            settings: self.notify.settings,
            health: Arc::new(Health::default()),
            dice: Mutex::new(fastrand::Rng::with_seed(3)),
            blamed: Mutex::default(),
        }
    }

    pub async fn run_retry(&self) -> RetryReport {
        retry_mails::retry(&self.notify).await
    }

    pub fn count(&self, sql: &str) -> i64 {
        self.backend.query(sql).unwrap().parse().unwrap()
    }
}

/// A dispatcher of its own on the same store.
pub fn dispatcher(
    backend: &impl Backend,
    bus: Arc<dyn Bus>,
    clock: Arc<FakeClock>,
    routes: Arc<Routes>,
    seed: u64,
) -> DispatchContext {
    dispatcher_of(backend.outbox(), backend.breakers(), bus, clock, routes, seed)
}

pub fn dispatcher_of(
    outbox: Arc<dyn Outbox>,
    breakers: Arc<dyn Breakers>,
    bus: Arc<dyn Bus>,
    clock: Arc<FakeClock>,
    routes: Arc<Routes>,
    seed: u64,
) -> DispatchContext {
    DispatchContext {
        outbox,
        breakers,
        bus,
        clock,
        routes,
        limits: MessageLimits::default(),
        settings: dispatch_settings(),
        health: Arc::new(Health::default()),
        dice: Mutex::new(fastrand::Rng::with_seed(seed)),
        suspects: Arc::default(),
        stopping: Arc::default(),
    }
}

fn message_id(committed: &Committed) -> String {
    match committed {
        Committed::Done(booked) => booked.message_id.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A valid tax number, different for each n.
pub fn nip(n: u32) -> Nip {
    let valid = (n * 7..).find_map(|candidate| {
        let nine: Vec<u32> = format!("{:09}", 526_000_000 + candidate).chars().filter_map(|c| c.to_digit(10)).collect();
        let check = Nip::check_digit(&nine)?;
        let text: String = nine.iter().chain([&check]).map(ToString::to_string).collect();
        Nip::parse(&text).ok()
    });
    valid.unwrap()
}

/// Runs RetryEmail until nothing more may be sent for now.
pub async fn run_dry(context: &NotifyContext) {
    loop {
        let report = retry_mails::retry(context).await;
        assert_eq!(report.store_error, None);
        if report.taken == 0 && !report.out_of_time {
            return;
        }
    }
}
