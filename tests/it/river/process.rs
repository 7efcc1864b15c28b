//! One process of a simulation: the contexts of the real flows, over gates.

use super::{
    database::Database,
    ledger::Ledger,
    outside::{LEDGERS, Outside, Way},
    stage::Stage,
    store::GatedStore,
};
use crate::support::{
    fakes::BareLetters,
    world::{EMAILS, routes},
};
use chrono::{DateTime, TimeDelta, Utc};
use client_organizer::{
    app::Stores,
    domain::{
        delivery::{MailPolicy, OnDoubt},
        flow_settings::{DispatchSettings, NotifySettings, PruneSettings},
        message::MessageLimits,
        rate_limit::RateLimit,
        recipient::RecipientKey,
        route::Destination,
        verdict::Policy,
    },
    flows::{
        book::BookContext, dispatch::DispatchContext, health::Health, mailing::NotifyContext, nudge::Nudge,
        operate::OperateContext, overviews::Overviews, prune::PruneContext,
    },
    functions::{Heartbeat, Rhythm},
    ports::{clock::Clock, mailer::Mailer, operations::Reports},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

pub const LEASE_MS: i64 = 60_000;
pub const RETRY_MAX: u32 = 5;
pub const TOMBSTONE_DAYS: i64 = 400;
pub const DOUBTS_MAX: i64 = 3;

/// What all processes share.
#[derive(Clone)]
pub struct Shared {
    pub database: Arc<Database>,
    pub stage: Arc<Stage>,
    pub ledger: Arc<Mutex<Ledger>>,
    pub outside: Arc<Mutex<Outside>>,
    pub setup: Setup,
}

/// The settings that differ between simulations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// A mail in doubt is held for a person.
    pub hold: bool,
    /// Mails that the provider may get within a minute; 0: any number.
    pub mails_per_minute: u32,
    /// How long the bus drops a repeated id; 0: it drops none.
    pub window_ms: i64,
    /// The provider answers status queries.
    pub queries: bool,
}

impl Setup {
    pub fn of_seed(seed: u64) -> Self {
        Self {
            hold: seed % 3 == 2,
            mails_per_minute: if seed % 2 == 1 { 2 } else { 0 },
            window_ms: if seed % 4 > 1 { 600_000 } else { 0 },
            queries: seed % 5 > 2,
        }
    }
}

/// The clock of one process.
pub struct ProcessClock {
    stage: Arc<Stage>,
    pub jump_ms: AtomicI64,
}

impl Clock for ProcessClock {
    fn now(&self) -> DateTime<Utc> {
        let now = DateTime::from_timestamp_millis(self.stage.now_ms()).unwrap();
        now + TimeDelta::milliseconds(self.jump_ms.load(Ordering::Relaxed))
    }
}

pub struct Process {
    pub clock: Arc<ProcessClock>,
    pub nudge: Nudge,
    pub book: BookContext,
    pub dispatch: DispatchContext,
    pub nudged: DispatchContext,
    pub notify: NotifyContext,
    pub prune: PruneContext,
    pub operate: OperateContext,
    /// Of the three timers' runs.
    pub beats: [Heartbeat; 3],
    /// Reports that nothing delays.
    pub reports: Arc<dyn Reports>,
}

impl Process {
    /// `life`: how many processes had this number before.
    pub fn start(number: usize, life: u64, inner: Stores, shared: &Shared) -> Arc<Self> {
        let Shared { database, stage, ledger, outside, setup } = shared.clone();
        let clock = Arc::new(ProcessClock { stage: stage.clone(), jump_ms: AtomicI64::new(0) });
        let store = Arc::new(GatedStore {
            inner,
            database,
            stage: stage.clone(),
            ledger: ledger.clone(),
            outside: outside.clone(),
            process: number,
        });
        let way = Arc::new(Way { outside, stage, ledger, process: number, queries: setup.queries });
        let routes = routes(&[
            ("FinancialRecordCreated", &[EMAILS, LEDGERS][..]),
            ("FinancialRecordUpdated", &[EMAILS][..]),
            ("FinancialRecordDeleted", &[][..]),
            ("Plain", &[LEDGERS, EMAILS][..]),
        ]);
        let (health, nudge) = (Arc::new(Health::default()), Nudge::default());
        let dice = |salt: u64| Mutex::new(fastrand::Rng::with_seed(1_000 * life + 10 * salt));
        let suspects = Arc::<tokio::sync::Mutex<()>>::default();
        let dispatch = |salt, lease_ms, batch_max| DispatchContext {
            outbox: store.clone(),
            breakers: store.clone(),
            bus: way.clone(),
            clock: clock.clone(),
            routes: routes.clone(),
            limits: MessageLimits::default(),
            settings: DispatchSettings {
                batch_max,
                batch_bytes_max: 1_000_000,
                lease_ms,
                headroom_ms: lease_ms / 6,
                claims_max: 3,
                run_ms: 30_000,
                policy: Policy {
                    retry_max: RETRY_MAX,
                    retry_base_ms: 1_000,
                    retry_delay_max_ms: 60_000,
                    breaker_base_ms: 5_000,
                    breaker_max_ms: 300_000,
                },
            },
            health: health.clone(),
            dice: dice(salt),
            suspects: suspects.clone(),
            stopping: Arc::default(),
        };
        Arc::new(Self {
            book: BookContext {
                books: store.clone(),
                clock: clock.clone(),
                routes: routes.clone(),
                limits: MessageLimits::default(),
                nudge: nudge.clone(),
                health: health.clone(),
            },
            dispatch: dispatch(1, LEASE_MS, 4),
            nudged: dispatch(2, 15_000, 3),
            notify: NotifyContext {
                inbox: store.clone(),
                breakers: store.clone(),
                mailer: way.clone(),
                letters: Arc::new(BareLetters),
                clock: clock.clone(),
                recipients: RecipientKey::new("a key of the tests"),
                settings: notify_settings(setup),
                health: health.clone(),
                dice: dice(3),
                blamed: Mutex::default(),
            },
            prune: PruneContext { retention: store.clone(), settings: PRUNE },
            operate: OperateContext {
                reports: store.clone(),
                remedies: store.clone(),
                overviews: Overviews::default(),
                entities: Err("the bus has no properties".to_owned()),
                dead_letters: Ok(way.clone()),
                routes,
                recipients: Ok(RecipientKey::new("a key of the tests")),
                duplicate_window_ms: setup.window_ms,
                mail_queue: Destination::parse(EMAILS).ok(),
                tombstone_days: TOMBSTONE_DAYS,
                taking_in: tokio::sync::Mutex::default(),
                provider: way.provider().to_owned(),
                rate_limit: notify_settings(setup).rate_limit,
                clock: clock.clone(),
            },
            nudge,
            beats: ["DispatchOutbox", "RetryEmail", "PruneOutbox"].map(|function| {
                let (every, run) = (Rhythm::Every(Duration::from_secs(10)), Duration::from_secs(30));
                Heartbeat::new(function, every, run, store.clone(), clock.clone())
            }),
            reports: store.inner.reports.clone(),
            clock,
        })
    }
}

const PRUNE: PruneSettings = PruneSettings {
    outbox_days: 1,
    inbox_days: TOMBSTONE_DAYS,
    refused_body_days: 30,
    step_rows_max: 100,
    run_ms: 30_000,
};

fn notify_settings(setup: Setup) -> NotifySettings {
    NotifySettings {
        lease_ms: LEASE_MS,
        run_ms: 30_000,
        at_once: 2,
        tombstone_days: TOMBSTONE_DAYS,
        policy: MailPolicy {
            on_doubt: if setup.hold { OnDoubt::Hold } else { OnDoubt::Resend },
            doubts_max: DOUBTS_MAX,
            retry_base_ms: 60_000,
            retry_delay_max_ms: 3_600_000,
            give_up_ms: 48 * 3_600_000,
            breaker_base_ms: 30_000,
            breaker_max_ms: 600_000,
        },
        rate_limit: RateLimit { per_minute: setup.mails_per_minute, per_hour: 0 },
        queries: RateLimit { per_minute: setup.mails_per_minute, per_hour: 0 },
    }
}
