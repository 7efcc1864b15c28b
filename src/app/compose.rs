//! Composes adapters and flows by the settings.

use crate::{
    adapters::{
        clock::SystemClock,
        entra::{COMMUNICATION_SCOPE, Tokens},
        mail::{AcsLogin, AcsMailer, AcsOptions, FolderMailer, Sender, SmtpMailer, SmtpOptions, TemplateLetters},
        schema_version::{Migrated, Plan},
        servicebus::{
            AmqpBus, AmqpDeadLetters, AmqpOptions, Management, RestBus, RestDeadLetters, RestOptions, Shapes,
        },
        sqlite::{self, Sqlite, SqliteOptions},
        sqlserver::{self, Presence, SqlServer, SqlServerOptions},
    },
    config::{
        AzureEnvironment, BusSettings, EmailProvider, EmailSettings, PoolOptions, Secret, Settings, StoreKind,
        Transport,
        connection::{acs::AcsConnectionString, bus::ConnectionString},
    },
    domain::{flow_settings::DispatchSettings, route::Routes},
    flows::{
        book::BookContext,
        dispatch::DispatchContext,
        health::{Health, Part},
        mailing::NotifyContext,
        nudge::Nudge,
        prune::PruneContext,
    },
    functions::{Idle, Services},
    ports::{
        books::Books, breaker::Breakers, bus::Bus, clock::Clock, dead_letters::DeadLetters, entities::Entities,
        inbox::Inbox, mailer::Mailer, ops::Ops, outbox::Outbox, retention::Retention,
    },
};
use anyhow::{Context, Result, anyhow, ensure};
use std::{
    sync::{Arc, Mutex, atomic::AtomicI64},
    time::Duration,
};
use tokio::sync::watch;

/// What the handler runs: the services of the functions, and the dispatcher that a nudge wakes.
pub struct Handler {
    pub services: Arc<Services>,
    pub nudge: Nudge,
    pub nudged: DispatchContext,
}

/// A nudge publishes what was just written. Its batch is small, and its lease short: a process that dies meanwhile must
/// not keep the row from the timer for long.
const NUDGE_BATCH_MAX: u32 = 20;
const NUDGE_LEASE_MS: i64 = 15_000;
const NUDGE_RUN_MS: u64 = 10_000;

fn nudge_numbers(dispatch: DispatchSettings) -> DispatchSettings {
    let lease_ms = NUDGE_LEASE_MS.min(dispatch.lease_ms);
    DispatchSettings {
        batch_max: NUDGE_BATCH_MAX.min(dispatch.batch_max),
        lease_ms,
        // The headroom of a long lease could use up a short one, and rows would be claimed and released in a loop.
        headroom_ms: dispatch.headroom_ms.min(lease_ms / 3),
        run_ms: NUDGE_RUN_MS.min(dispatch.run_ms),
        ..dispatch
    }
}

/// The ports of one store, SQLite or SQL Server.
#[derive(Clone)]
pub struct Stores {
    /// Writes entries with their messages, and reads them.
    pub books: Arc<dyn Books>,
    /// Routes, claims and settles outbox rows.
    pub outbox: Arc<dyn Outbox>,
    /// Breakers of destinations and mail providers.
    pub breakers: Arc<dyn Breakers>,
    /// Inbox entries and their mails.
    pub inbox: Arc<dyn Inbox>,
    /// Deletes what is past its retention.
    pub retention: Arc<dyn Retention>,
    /// The operator's queries and remedies.
    pub ops: Arc<dyn Ops>,
    /// Whether a server can be reached; None for a file, without which the process does not start.
    pub presence: Option<watch::Receiver<Presence>>,
}

impl Stores {
    /// All ports of `store`.
    pub fn of(store: impl Books + Outbox + Breakers + Inbox + Retention + Ops + 'static) -> Self {
        let store = Arc::new(store);
        Self {
            books: store.clone(),
            outbox: store.clone(),
            breakers: store.clone(),
            inbox: store.clone(),
            retention: store.clone(),
            ops: store,
            presence: None,
        }
    }
}

pub async fn store(settings: &Settings) -> Result<Stores> {
    match &settings.store.kind {
        StoreKind::Sqlite => {
            let options = SqliteOptions {
                path: settings.store.path.clone(),
                skew_ms: Arc::new(AtomicI64::new(settings.store.skew_ms)),
                key_lifetime_ms: settings.store.key_lifetime_ms,
            };
            ensure!(
                options.path.exists(),
                "there is no database at {} (Store__Path): correct the path, or create it with `client-organizer migrate`",
                options.path.display()
            );
            let path = settings.store.path.display();
            Ok(Stores::of(Sqlite::open(options).with_context(|| format!("the store at {path} (Store__Path)"))?))
        }
        StoreKind::SqlServer { connection, pool, azure } => {
            let store = SqlServer::open(&sql_server(settings, connection, *pool, azure)).await;
            Ok(Stores::of(store.context("the store of SqlConnectionString")?))
        }
    }
}

/// For a process that runs before its store is available: a server that is unreachable, refuses the login or has
/// another schema version is tried again until it works. Exiting would not help: the Functions host restarts the
/// process at once, and gives up after three times.
pub async fn store_or_wait(settings: &Settings) -> Result<Stores> {
    match &settings.store.kind {
        StoreKind::Sqlite => store(settings).await,
        StoreKind::SqlServer { connection, pool, azure } => {
            let store = SqlServer::begin(&sql_server(settings, connection, *pool, azure))?;
            let presence = Some(store.presence());
            Ok(Stores { presence, ..Stores::of(store) })
        }
    }
}

/// Reports to Health whenever the store becomes available or unavailable. When it is available, registers the
/// destinations and the mail provider, which a new database does not know.
pub async fn follow(store: &Stores, routes: &Routes, provider: EmailProvider, health: &Health) {
    let Some(mut presence) = store.presence.clone() else { return };
    loop {
        let now = presence.borrow_and_update().clone();
        match now {
            Presence::Opening => {}
            Presence::Away { reason } => health.failed(Part::Database, SystemClock.now(), reason),
            Presence::Here => {
                health.ok(Part::Database, SystemClock.now());
                let named = async {
                    name_destinations(store, routes).await?;
                    name_provider(store, provider).await
                };
                if let Err(error) = named.await {
                    // Routing and claiming register them too; until then `ops pause` does not know an unused one.
                    tracing::warn!(error = %format!("{error:#}"), "destinations not named");
                }
            }
        }
        if presence.changed().await.is_err() {
            return;
        }
    }
}

/// Creates or updates the tables.
pub async fn migrate(settings: &Settings) -> Result<Migrated> {
    Ok(match &settings.store.kind {
        StoreKind::Sqlite => sqlite::migrate::run(&settings.store.path)?,
        StoreKind::SqlServer { connection, pool, azure } => {
            sqlserver::migrate::run(&sql_server(settings, connection, *pool, azure)).await?
        }
    })
}

/// What `migrate` would do.
pub async fn plan(settings: &Settings) -> Result<Plan> {
    Ok(match &settings.store.kind {
        StoreKind::Sqlite => sqlite::migrate::plan(&settings.store.path)?,
        StoreKind::SqlServer { connection, pool, azure } => {
            sqlserver::migrate::plan(&sql_server(settings, connection, *pool, azure)).await?
        }
    })
}

fn sql_server(
    settings: &Settings,
    connection: &Secret,
    pool: PoolOptions,
    azure: &AzureEnvironment,
) -> SqlServerOptions {
    SqlServerOptions {
        connection: connection.expose().to_owned(),
        azure: azure.clone(),
        pool,
        skew_ms: Arc::new(AtomicI64::new(settings.store.skew_ms)),
        key_lifetime_ms: settings.store.key_lifetime_ms,
    }
}

pub fn bus(settings: &Settings) -> Result<Arc<dyn Bus>> {
    let connection = connection(settings)?;
    let bus = &settings.bus;
    let (timeout, concurrency) = (Duration::from_millis(bus.timeout_ms), usize::try_from(bus.concurrency_max)?);
    let websocket = match bus.transport {
        Transport::Rest => {
            let options = RestOptions { timeout, concurrency };
            return Ok(Arc::new(RestBus::new(connection, options).map_err(anyhow::Error::msg)?));
        }
        Transport::Amqp => false,
        Transport::WebSocket => true,
    };
    let options = AmqpOptions {
        timeout,
        concurrency,
        idle_max: Duration::from_millis(bus.idle_ms),
        websocket,
        gateway: bus.gateway.clone(),
        shapes: shapes(bus),
    };
    Ok(Arc::new(AmqpBus::new(connection, options).map_err(anyhow::Error::msg)?))
}

/// Reading an entity's properties is a small request: one without an answer by then will get none.
const LOOK_WITHIN: Duration = Duration::from_secs(8);

/// # Errors
/// Why the properties of queues and topics cannot be read, for a person.
pub fn entities(settings: &Settings) -> Result<Arc<dyn Entities>, String> {
    let connection = connection(settings).map_err(|error| format!("{error:#}"))?;
    if connection.is_local() && settings.bus.transport != Transport::Rest {
        return Err(
            "a bus on this machine returns them over REST only, and ServiceBus__Transport is not rest".to_owned()
        );
    }
    let timeout = LOOK_WITHIN.min(Duration::from_millis(settings.bus.timeout_ms));
    Ok(Arc::new(Management::new(connection, timeout)?))
}

/// Reads dead letters over the transport that sends.
pub fn dead_letters(settings: &Settings) -> Result<Arc<dyn DeadLetters>> {
    let connection = connection(settings)?;
    let timeout = Duration::from_millis(settings.bus.timeout_ms);
    let websocket = match settings.bus.transport {
        Transport::Rest => return Ok(Arc::new(RestDeadLetters::new(connection, timeout).map_err(anyhow::Error::msg)?)),
        Transport::Amqp => false,
        Transport::WebSocket => true,
    };
    let gateway = settings.bus.gateway.as_deref();
    Ok(Arc::new(AmqpDeadLetters::new(connection, websocket, gateway, timeout).map_err(anyhow::Error::msg)?))
}

/// # Errors
/// `ServiceBusConnection` is not set.
pub fn connection(settings: &Settings) -> Result<ConnectionString> {
    settings.service_bus.clone().context("ServiceBusConnection is not set")
}

fn shapes(bus: &BusSettings) -> Shapes {
    Shapes {
        sessions: bus.session_destinations.clone(),
        partitioned: bus.partitioned_destinations.clone(),
        duplicate_detection: bus.duplicate_window_ms > 0,
    }
}

pub fn sender(email: &EmailSettings) -> Result<Sender> {
    let mut sender = Sender::parse(&email.from).map_err(anyhow::Error::msg)?;
    if let Some(reply_to) = &email.reply_to {
        sender = sender.with_answers_to(Sender::parse(reply_to).map_err(anyhow::Error::msg)?);
    }
    if let Some(unsubscribe) = &email.unsubscribe {
        sender = sender.with_unsubscribe(unsubscribe.clone());
    }
    Ok(sender.with_contact(email.office_address.clone(), email.office_phone.clone()))
}

fn mailer(email: &EmailSettings, from: Sender, clock: Arc<dyn Clock>) -> Result<Arc<dyn Mailer>> {
    let smtp = &email.smtp;
    match email.provider {
        EmailProvider::Folder => Ok(Arc::new(FolderMailer::new(email.folder.clone(), from, clock))),
        EmailProvider::Smtp => {
            let ca_pem = smtp.ca_file.as_ref().map(|path| {
                std::fs::read(path).with_context(|| format!("{} cannot be read (Email__SmtpCaFile)", path.display()))
            });
            let password = smtp.password.as_ref().map(|secret| secret.expose().to_owned());
            let options = SmtpOptions {
                host: smtp.host.clone(),
                port: smtp.port,
                security: smtp.security,
                login: smtp.user.clone().zip(password),
                ca_pem: ca_pem.transpose()?,
                timeout: Duration::from_millis(smtp.timeout_ms),
            };
            Ok(Arc::new(SmtpMailer::new(options, from).map_err(anyhow::Error::msg)?))
        }
        EmailProvider::Acs => {
            let acs = &email.acs;
            let (endpoint, login) = match (&acs.connection, &acs.identity) {
                (Some(secret), _) => {
                    let parsed = AcsConnectionString::parse(secret.expose()).map_err(anyhow::Error::msg)?;
                    (parsed.endpoint, AcsLogin::Key(parsed.key))
                }
                (None, Some(who)) => (acs.endpoint.clone(), AcsLogin::Entra(Tokens::new(who, COMMUNICATION_SCOPE)?)),
                (None, None) => return Err(anyhow!("Email__AcsEndpoint is not set")),
            };
            let options = AcsOptions { endpoint, login, timeout: Duration::from_millis(acs.timeout_ms) };
            Ok(Arc::new(AcsMailer::new(options, from, clock).map_err(anyhow::Error::msg)?))
        }
    }
}

/// Registers the routes' destinations, so that Health, `ops status` and `ops pause` know them before the first message.
pub async fn name_destinations(store: &Stores, routes: &Routes) -> Result<()> {
    let names: Vec<String> = routes.destinations().map(ToString::to_string).collect();
    Ok(store.outbox.ensure_destinations(&names).await?)
}

/// Registers the mail provider, so that `ops pause mail:…` knows it before the first retry.
pub async fn name_provider(store: &Stores, provider: EmailProvider) -> Result<()> {
    let name = match provider {
        EmailProvider::Folder => FolderMailer::PROVIDER,
        EmailProvider::Smtp => SmtpMailer::PROVIDER,
        EmailProvider::Acs => AcsMailer::PROVIDER,
    };
    Ok(store.outbox.ensure_destinations(&[name.to_owned()]).await?)
}

pub fn dispatcher(
    settings: &Settings,
    store: &Stores,
    bus: Arc<dyn Bus>,
    health: Arc<Health>,
    numbers: DispatchSettings,
) -> DispatchContext {
    DispatchContext {
        outbox: store.outbox.clone(),
        breakers: store.breakers.clone(),
        bus,
        clock: Arc::new(SystemClock),
        routes: settings.routes.clone(),
        limits: settings.limits,
        settings: numbers,
        health,
        dice: Mutex::new(fastrand::Rng::new()),
        stopping: Arc::default(),
    }
}

/// A timer that found nothing for this long is idle: by default no retry of a row or a mail waits longer.
const IDLE_AFTER: Duration = Duration::from_hours(1);

pub fn handler(settings: &Settings, store: &Stores) -> Result<Handler> {
    let bus = bus(settings)?;
    let health = Arc::new(Health::default());
    let nudge = Nudge::default();
    let clock = Arc::new(SystemClock);
    let from = sender(&settings.email)?;
    let nudged = dispatcher(settings, store, bus.clone(), health.clone(), nudge_numbers(settings.dispatch));
    let services = Services {
        book: Arc::new(BookContext {
            books: store.books.clone(),
            clock: clock.clone(),
            routes: settings.routes.clone(),
            limits: settings.limits,
            nudge: nudge.clone(),
            health: health.clone(),
        }),
        dispatch: Arc::new(dispatcher(settings, store, bus, health.clone(), settings.dispatch)),
        notify: Arc::new(NotifyContext {
            inbox: store.inbox.clone(),
            breakers: store.breakers.clone(),
            mailer: mailer(&settings.email, from.clone(), clock.clone())?,
            letters: Arc::new(TemplateLetters::new(settings.email.language, &from).map_err(anyhow::Error::msg)?),
            clock,
            recipients: settings.recipients.clone(),
            settings: settings.notify,
            health: health.clone(),
            dice: Mutex::new(fastrand::Rng::new()),
            blamed: Mutex::default(),
        }),
        idle_outbox: Idle::new(settings.store.idle, IDLE_AFTER),
        idle_mail: Idle::new(settings.store.idle, IDLE_AFTER),
        prune: Arc::new(PruneContext { retention: store.retention.clone(), settings: settings.prune }),
        health,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(Handler { services: Arc::new(services), nudge, nudged })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_nudge_has_time_to_publish_whatever_the_headroom() {
        for (lease_ms, headroom_ms) in [("60000", "10000"), ("60000", "20000"), ("120000", "60000"), ("20000", "4000")]
        {
            let set = [("Outbox__LeaseMs", lease_ms), ("Outbox__HeadroomMs", headroom_ms)];
            let env: BTreeMap<_, _> =
                set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let numbers = nudge_numbers(Settings::read(&env).unwrap().dispatch);
            assert!(numbers.lease_ms <= NUDGE_LEASE_MS);
            assert!(numbers.headroom_ms * 3 <= numbers.lease_ms, "{} of {}", numbers.headroom_ms, numbers.lease_ms);
        }
    }
}
